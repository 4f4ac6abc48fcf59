"""Digests of the facts that results rest on: a result is valid as long as those are the same."""

from __future__ import annotations

from locklint.frontend.dispatch import Dispatch
from locklint.frontend.trace import Interface, InterfaceKind
from locklint.index.interface import digest_of


def digest_of_fact(dispatch: Dispatch, fact: Interface) -> str:
    """Return a digest of a fact about the project; lines and columns have no part."""
    return digest_of(_fact(dispatch, fact))


def _fact(dispatch: Dispatch, fact: Interface) -> object:
    project, name = dispatch.inference.project, fact.name
    match fact.kind:
        case InterfaceKind.FILE:
            return [index for index in project.modules() if index.path == name]
        case InterfaceKind.MODULE:
            return project.files_of(name)
        case InterfaceKind.DERIVED:
            return [str(cls) for cls in project.heirs.named(name)]
        case InterfaceKind.CALLS:
            return [(index.path, site) for index, site in project.call_sites.named(name)]
        case InterfaceKind.BINDINGS:
            return [(index.path, binding) for index, binding in project.stores.named(name)]
        case InterfaceKind.HOLDERS:
            return [str(cls) for cls in project.holders.named(name)]
        case InterfaceKind.NAMES:
            return project.other_names(name)
        case InterfaceKind.PROPERTY:
            return name in dispatch.property_names
        case InterfaceKind.SPECIAL:
            return name in dispatch.special_names
        case InterfaceKind.METACLASS:
            return [
                (index.path, qualname, decl.keywords)
                for index in project.searched
                for qualname, decl in index.classes.items()
                if decl.keywords
            ]

"""Which locks are what: every way in which code makes, keeps and hands on a lock."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from locklint.frontend.project import Project
from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.value_types import UNKNOWN, LockValue, scope_of
from locklint.index.declarations import ModuleIndex
from locklint.ir.access_path import AccessPath
from locklint.models.table import default_table
from tests.frontend.resolving import check, index_files


def test_attribute_of_self() -> None:
    check(
        """
        import threading
        class A:
            def __init__(self):
                self._lock = threading.Lock()
                self.count = 0
                self.lock = 5
            def f(self):
                pass
                #? self._lock -> self._lock m.A._lock threading.Lock, instance, high
                #? self.count -> -
                #? self.lock -> -
                #? self.missing -> -
        """
    )


def test_import_forms() -> None:
    check(
        """
        from threading import Lock as L, RLock
        import threading as t, multiprocessing.synchronize
        import _thread as thread
        from six.moves import _thread
        a, b = L(), RLock()
        c = t.Condition()
        d = thread.allocate_lock()
        e = _thread.allocate_lock()
        f = t.Semaphore(3)
        def g():
            from asyncio import Lock
            h = Lock()
            #? h -> h m.g.<locals>.h asyncio.Lock, fresh, high
        #? a -> a m.a threading.Lock, one, high
        #? b -> b m.b threading.RLock, one, high
        #? c -> c m.c threading.Condition, one, high
        #? d -> d m.d threading.Lock, one, high
        #? e -> e m.e threading.Lock, one, high
        #? f -> f m.f threading.Semaphore, one, high
        """
    )


def test_star_import() -> None:
    check(
        """
        ## m.py
        from threading import *
        from n import *
        a = Lock()
        #? a -> a m.a threading.Lock, one, high
        #? shared -> shared n.shared threading.RLock, one, high
        ## n.py
        import threading
        shared = threading.RLock()
        """
    )


def test_try_import_with_alternatives() -> None:
    check(
        """
        try:
            from threading import Lock
        except ImportError:
            from dummy_threading import Lock
        try:
            import redis
        except ImportError:
            redis = None
        a = Lock()
        #? a -> a m.a threading.Lock, one, high
        """
    )


def test_bases_in_other_modules_and_re_exports() -> None:
    check(
        """
        ## pkg/__init__.py
        from .base import Base
        from .locks import *
        ## pkg/base.py
        import threading
        class Root:
            def __init__(self):
                self._lock = threading.RLock()
        class Base(Root):
            pass
        ## pkg/locks.py
        from threading import Lock as GuardLock
        guard = GuardLock()
        ## app/client.py
        from pkg import Base, guard
        import pkg
        class Client(Base):
            def f(self):
                pass
                #? self._lock -> self._lock pkg.base.Root._lock threading.RLock, instance, high
                #? guard -> guard pkg.locks.guard threading.Lock, one, high
                #? pkg.guard -> pkg.guard pkg.locks.guard threading.Lock, one, high
                #? pkg.locks.guard -> pkg.locks.guard pkg.locks.guard threading.Lock, one, high
        own = pkg.GuardLock()
        #? own -> own app.client.own threading.Lock, one, high
        """
    )


def test_subclass_that_assigns_again_shares_the_identity() -> None:
    check(
        """
        import threading
        class Base:
            def __init__(self):
                self._lock = threading.Lock()
            def f(self):
                pass
                #? self._lock -> self._lock m.Base._lock threading.RLock, instance, medium
        class Derived(Base):
            def __init__(self):
                self._lock = threading.RLock()
            def g(self):
                pass
                #? self._lock -> self._lock m.Base._lock threading.RLock, instance, medium
        """
    )


def test_private_names_are_of_one_class() -> None:
    check(
        """
        import threading
        class Base:
            def __init__(self):
                self.__lock = threading.Lock()
        class Derived(Base):
            def __init__(self):
                self.__lock = threading.RLock()
            def g(self):
                pass
                #? self.__lock -> self.__lock m.Derived.__lock threading.RLock, instance, high
        """
    )


def test_annotations() -> None:
    check(
        """
        from __future__ import annotations
        import asyncio, threading
        from typing import Annotated, ClassVar, Final, Optional, Union, TYPE_CHECKING
        if TYPE_CHECKING:
            from threading import Semaphore
        class A:
            shared: ClassVar[threading.Lock]
            def __init__(self, lock: threading.Lock, made, other):
                self._lock: threading.Lock = make()
                self.final: Final[threading.RLock] = made
                self.given = lock
                self.sem: "Semaphore" = other
        def f(a: threading.Lock, b: Optional[threading.Lock], c: "threading.RLock | None" = None,
              d: Annotated[asyncio.Lock, "x"] = None, e: Union[threading.Lock, None] = None,
              *, g: "A", h: list[threading.Lock], i: dict[str, threading.Lock]):
            #? a -> a m.f.<locals>.a threading.Lock, unknown, medium
            #? b -> b m.f.<locals>.b threading.Lock, unknown, medium, or None
            #? c -> c m.f.<locals>.c threading.RLock, unknown, medium, or None
            #? d -> d m.f.<locals>.d asyncio.Lock, unknown, medium, or None
            #? e -> e m.f.<locals>.e threading.Lock, unknown, medium, or None
            #? g._lock -> g._lock m.A._lock threading.Lock, instance, medium
            #? g.final -> g.final m.A.final threading.RLock, instance, medium
            #? g.given -> g.given m.A.given threading.Lock, instance, medium
            #? g.sem -> g.sem m.A.sem threading.Semaphore, instance, medium
            #? g.shared -> g.shared m.A.shared threading.Lock, one, medium
            #? h[0] -> h[0] m.f.<locals>.h[*] threading.Lock, element, medium
            #? i['k'] -> i['k'] m.f.<locals>.i[*] threading.Lock, element, medium
            return None
        """
    )


def test_dataclass_and_attrs_fields() -> None:
    check(
        """
        import threading, attr
        from dataclasses import dataclass, field
        @dataclass
        class A:
            lock: threading.Lock = field(default_factory=threading.Lock)
            other: threading.RLock = field(default_factory=lambda: threading.RLock(), repr=False)
            plain: threading.Lock
            count: int = field(default=0)
            def f(self):
                pass
                #? self.lock -> self.lock m.A.lock threading.Lock, instance, high
                #? self.other -> self.other m.A.other threading.RLock, instance, high
                #? self.plain -> self.plain m.A.plain threading.Lock, instance, medium
                #? self.count -> -
        @attr.s
        class B:
            lock = attr.ib(factory=threading.Lock)
            other = attr.ib(default=attr.Factory(threading.RLock))
            def f(self):
                pass
                #? self.lock -> self.lock m.B.lock threading.Lock, instance, high
                #? self.other -> self.other m.B.other threading.RLock, instance, high
        """
    )


def test_class_level_and_lazily_made() -> None:
    check(
        """
        import threading
        class A:
            shared = threading.Lock()
            lazy = None
            registry = {}
            @classmethod
            def make(cls):
                if cls.lazy is None:
                    cls.lazy = threading.Lock()
                #? cls.lazy -> cls.lazy m.A.lazy threading.Lock, one, high, or None
                #? cls.shared -> cls.shared m.A.shared threading.Lock, one, high
            def f(self):
                pass
                #? self.shared -> self.shared m.A.shared threading.Lock, one, high
                #? A.shared -> A.shared m.A.shared threading.Lock, one, high
                #? type(self).shared -> type(self).shared m.A.shared threading.Lock, one, high
                #? self.__class__.shared
                #> self.__class__.shared m.A.shared threading.Lock, one, high
        class B:
            lock = None
            def start(self):
                self.lock = threading.Lock()
                #? self.lock -> self.lock m.B.lock threading.Lock, instance, high, or None
        """
    )


def test_globals() -> None:
    check(
        """
        import threading
        lock = threading.Lock()
        late = None
        alias = lock
        def start():
            global late
            late = threading.RLock()
        def f():
            pass
            #? lock -> lock m.lock threading.Lock, one, high
            #? late -> late m.late threading.RLock, one, high, or None
            #? alias -> lock m.lock threading.Lock, one, high
        """
    )


def test_factories_properties_and_getters() -> None:
    check(
        """
        import threading
        from functools import cached_property, lru_cache
        _lock = threading.Lock()
        _locks = {}
        def get_lock():
            return _lock
        def make_lock():
            return threading.RLock()
        @lru_cache(maxsize=None)
        def shared_lock():
            return threading.RLock()
        def named(name):
            if name not in _locks:
                _locks[name] = threading.Lock()
            return _locks[name]
        class A:
            def __init__(self):
                self._lock = make_lock()
                self._own = named("own")
            @property
            def lock(self):
                return self._lock
            @cached_property
            def cached(self):
                return threading.Lock()
            def get(self):
                return self._lock
            old = property(get)
            def f(self):
                mine = get_lock()
                #? mine -> _lock m._lock threading.Lock, one, high
                #? get_lock() -> _lock m._lock threading.Lock, one, high
                #? self._lock -> self._lock m.A._lock threading.RLock, instance, high
                #? self.lock -> self._lock m.A._lock threading.RLock, instance, high
                #? self.get() -> self._lock m.A._lock threading.RLock, instance, high
                #? self.old -> self.old m.A._lock threading.RLock, instance, high
                #? self._own -> self._own m._locks[*] threading.Lock, element, high
                #? named('x') -> named('x') m._locks[*] threading.Lock, element, high
                #? shared_lock() -> shared_lock() m.shared_lock() threading.RLock, one, high
                #? self.cached -> self.cached m.A.cached threading.Lock, instance, high
        """
    )


def test_alternatives() -> None:
    check(
        """
        import threading
        class DummyLock:
            def acquire(self): pass
            def release(self): pass
        class A:
            def __init__(self, lock=None, threaded=True):
                self.given = lock or threading.Lock()
                self.longer = lock if lock is not None else threading.RLock()
                self.maybe = threading.Lock() if threaded else None
                self.dummy = threading.Lock() if threaded else DummyLock()
                self.mixed = threading.Lock() if threaded else threading.RLock()
                self.both = threaded and threading.Lock()
            def f(self):
                pass
                #? self.given -> self.given m.A.given threading.Lock, instance, medium
                #? self.longer -> self.longer m.A.longer threading.RLock, instance, medium
                #? self.maybe -> self.maybe m.A.maybe threading.Lock, instance, high, or None
                #? self.dummy -> self.dummy m.A.dummy threading.Lock, instance, medium
                #? self.mixed -> self.mixed m.A.mixed threading.RLock, instance, medium
                #? self.both -> self.both m.A.both threading.Lock, instance, high, or None
        """
    )


def test_conditions_over_a_lock() -> None:
    check(
        """
        import threading
        from threading import Condition, Lock
        mutex = Lock()
        ready = Condition(mutex)
        def make_condition(lock):
            return threading.Condition(lock)
        class A:
            def __init__(self):
                self._lock = Lock()
                self._cond = Condition(self._lock)
                self._named = Condition(lock=self._lock)
                self._inline = Condition(Lock())
                self._plain = Condition()
                self._made = make_condition(self._lock)
            def f(self):
                local = self._cond
                #? self._cond
                #> self._lock m.A._lock threading.Lock as threading.Condition, instance, high
                #? local
                #> self._lock m.A._lock threading.Lock as threading.Condition, instance, high
                #? self._named
                #> self._lock m.A._lock threading.Lock as threading.Condition, instance, high
                #? self._inline
                #> self._inline m.A._inline threading.Lock as threading.Condition, instance, high
                #? self._plain -> self._plain m.A._plain threading.Condition, instance, high
                #? self._made
                #> self._lock m.A._lock threading.Lock as threading.Condition, instance, high
                #? ready -> mutex m.mutex threading.Lock as threading.Condition, one, high
        class B:
            def __init__(self):
                lock = threading.RLock()
                self.empty = Condition(lock)
                self.full = Condition(lock)
            def f(self):
                pass
                #? self.empty
                #> self.empty m.B.empty threading.RLock as threading.Condition, instance, high
                #? self.full
                #> self.empty m.B.empty threading.RLock as threading.Condition, instance, high
        class C:
            def __init__(self, lock):
                self.lock = lock
                self.cond = Condition(lock)
            def f(self):
                pass
                #? self.cond
                #> self.lock m.C.lock threading.Lock as threading.Condition, instance, medium
                #? self.lock -> self.lock m.C.lock threading.Lock, instance, medium
        C(Lock())
        #? ready -> mutex m.mutex threading.Lock as threading.Condition, one, high
        """
    )


def test_aliases() -> None:
    check(
        """
        import threading
        class A:
            def __init__(self):
                self._lock = self.mutex = threading.Lock()
                self.same = self._lock
            def plain(self):
                lock = self._lock
                second = lock
                #? lock -> self._lock m.A._lock threading.Lock, instance, high
                #? second -> self._lock m.A._lock threading.Lock, instance, high
                #? self.mutex -> self._lock m.A._lock threading.Lock, instance, high
                #? self.same -> self._lock m.A._lock threading.Lock, instance, high
                def inner():
                    pass
                    #? lock -> self._lock m.A._lock threading.Lock, instance, high
            def rebound(self, other: "A"):
                lock = self._lock
                #? lock -> lock m.A._lock threading.Lock, instance, high
                lock = other._lock
            def loop(self, nodes: "list[A]"):
                for node in nodes:
                    lock = node._lock
                    #? lock -> lock m.A._lock threading.Lock, instance, high
        class B:
            def __init__(self):
                self._lock = threading.Lock()
                self.same = self._lock
            def f(self):
                lock = self._lock
                self._lock = threading.Lock()
                #? lock -> lock m.B._lock threading.Lock, instance, high
                #? self.same -> self.same m.B._lock threading.Lock, instance, high
        """
    )


def test_containers() -> None:
    check(
        """
        import collections, threading
        from weakref import WeakValueDictionary
        from threading import Lock
        class A:
            def __init__(self, n):
                self.tuple = (Lock(), Lock())
                self.list = [Lock() for _ in range(n)]
                self.times = [Lock()] * n
                self.dict = {"a": Lock(), "b": threading.RLock()}
                self.filled = {}
                self.appended = []
                self.default = collections.defaultdict(Lock)
                self.weak = WeakValueDictionary()
                self.by_key = {key: Lock() for key in range(n)}
                self.numbers = [1, 2]
            def f(self, key):
                self.filled[key] = Lock()
                self.appended.append(Lock())
                self.weak.setdefault(key, Lock())
                #? self.tuple[0] -> self.tuple[0] m.A.tuple[*] threading.Lock, element, high
                #? self.list[key] -> self.list[key] m.A.list[*] threading.Lock, element, high
                #? self.times[3] -> self.times[3] m.A.times[*] threading.Lock, element, high
                #? self.dict['b'] -> self.dict['b'] m.A.dict[*] threading.RLock, element, high
                #? self.filled[key] -> self.filled[key] m.A.filled[*] threading.Lock, element, high
                #? self.appended[0]
                #> self.appended[0] m.A.appended[*] threading.Lock, element, high
                #? self.default[key]
                #> self.default[key] m.A.default[*] threading.Lock, element, high
                #? self.weak[key] -> self.weak[key] m.A.weak[*] threading.Lock, element, high
                #? self.by_key.get(key)
                #> self.by_key[key] m.A.by_key[*] threading.Lock, element, high, or None
                #? self.filled.setdefault(key, Lock())
                #> self.filled[key] m.A.filled[*] threading.Lock, element, high
                #? self.numbers[0] -> -
                #? self.filled -> -
                for lock in self.list:
                    #? lock -> lock m.A.list[*] threading.Lock, element, high
                    pass
                for name, named in self.by_key.items():
                    #? named -> named m.A.by_key[*] threading.Lock, element, high
                    #? name -> -
                    pass
                for number, counted in enumerate(self.list):
                    #? counted -> counted m.A.list[*] threading.Lock, element, high
                    #? number -> -
                    pass
                found = self.by_key.get(key)
                #? found -> found m.A.by_key[*] threading.Lock, element, high, or None
                first, second = self.tuple
                #? first -> first m.A.tuple[*] threading.Lock, element, high
        """
    )


def test_constructor_arguments() -> None:
    check(
        """
        import threading
        class Worker:
            def __init__(self, lock, unused, other=None):
                self._lock = lock
                self.other = other
            def f(self):
                pass
                #? self._lock -> self._lock m.Worker._lock threading.Lock, instance, medium
                #? self.other -> -
        class Special(Worker):
            def __init__(self, unused):
                super().__init__(threading.Lock(), unused)
        class Maker:
            def __init__(self):
                self._mutex = threading.Lock()
                self.worker = Worker(self._mutex, 1)
            def f(self):
                pass
                #? self.worker._lock
                #> self.worker._lock m.Worker._lock threading.Lock, instance, medium
        class Unsure:
            def __init__(self, lock):
                self._lock = lock
            def f(self):
                pass
                #? self._lock -> self._lock m.Unsure._lock threading.Lock, instance, low
        Unsure(threading.Lock())
        Unsure(whatever())
        """
    )


def test_parameters_from_calls() -> None:
    check(
        """
        import threading, multiprocessing
        from concurrent.futures import ThreadPoolExecutor
        def agreed(lock, n):
            pass
            #? lock -> lock m.agreed.<locals>.lock threading.Lock, unknown, medium
            #? n -> -
        def unsure(lock):
            pass
            #? lock -> lock m.unsure.<locals>.lock threading.Lock, unknown, low
        def never(lock):
            pass
            #? lock -> -
        def target(lock, i):
            pass
            #? lock -> lock m.target.<locals>.lock multiprocessing.Lock, unknown, medium
        def submitted(lock):
            pass
            #? lock -> lock m.submitted.<locals>.lock threading.Lock, unknown, medium
        def main(unknown):
            lock = threading.Lock()
            agreed(lock, 1)
            agreed(n=2, lock=threading.Lock())
            unsure(lock)
            unsure(unknown)
            shared = multiprocessing.Lock()
            multiprocessing.Process(target=target, args=(shared, 1)).start()
            with ThreadPoolExecutor() as pool:
                pool.submit(submitted, lock)
        """
    )


def test_chains_through_instances() -> None:
    check(
        """
        ## net/client.py
        import threading
        class Client:
            def __init__(self):
                self._lock = threading.Lock()
            @classmethod
            def open(cls):
                return cls()
            def __enter__(self):
                return self
        ## app.py
        from __future__ import annotations
        from net.client import Client
        import net.client as nc
        class App:
            one: Client
            def __init__(self, two: Client, three):
                self.two = two
                self.three = nc.Client()
                self.four = Client.open()
                self.all = [Client()]
            def f(self):
                with Client() as five:
                    pass
                    #? five._lock
                    #> five._lock net.client.Client._lock threading.Lock, instance, high
                #? self.one._lock
                #> self.one._lock net.client.Client._lock threading.Lock, instance, high
                #? self.two._lock
                #> self.two._lock net.client.Client._lock threading.Lock, instance, high
                #? self.three._lock
                #> self.three._lock net.client.Client._lock threading.Lock, instance, high
                #? self.four._lock
                #> self.four._lock net.client.Client._lock threading.Lock, instance, high
                #? self.all[0]._lock
                #> self.all[0]._lock net.client.Client._lock threading.Lock, instance, high
                for client in self.all:
                    client.close()
                    #? client._lock
                    #> client._lock net.client.Client._lock threading.Lock, instance, high
        """
    )


def test_subclasses_of_locks_and_wrappers() -> None:
    check(
        """
        import threading
        class Named(threading.Condition):
            def __init__(self, name):
                super().__init__()
                self.name = name
            def f(self):
                pass
                #? self -> self m.Named threading.Condition, instance, high
        class Loud(threading.Condition):
            def acquire(self):
                print("!")
                return super().acquire()
        class Wrapper:
            def __init__(self):
                self._lock = threading.Lock()
            def acquire(self):
                return self._lock.acquire()
            def release(self):
                self._lock.release()
            def f(self):
                pass
                #? self -> -
        named, loud, wrapper = Named("x"), Loud(), Wrapper()
        #? named -> named m.named threading.Condition, one, high
        #? loud -> -
        #? wrapper -> -
        #? call loud.acquire() -> m:Loud.acquire bound
        #? call wrapper.acquire() -> m:Wrapper.acquire bound
        #? call named.acquire() -> external threading.Condition.acquire
        """
    )


def test_multiprocessing_contexts_queues_and_handlers() -> None:
    check(
        """
        import asyncio, logging, multiprocessing, queue
        ctx = multiprocessing.get_context("spawn")
        a = ctx.Lock()
        manager = multiprocessing.Manager()
        b = manager.RLock()
        q = queue.Queue()
        class Handler(logging.Handler):
            def f(self):
                pass
                #? self.lock -> self.lock logging.Handler.lock threading.RLock, instance, high
        #? a -> a m.a multiprocessing.Lock, one, high
        #? b -> b m.b multiprocessing.managers.SyncManager.RLock, one, high
        #? q.mutex -> q.mutex m.q.mutex threading.Lock, one, high
        #? q.not_empty -> q.mutex m.q.mutex threading.Lock as threading.Condition, one, high
        #? logging._lock -> logging._lock logging._lock threading.RLock, one, high
        #? class asyncio.Lock -> asyncio.Lock
        #? class ctx.Lock -> multiprocessing.Lock
        #? class q -> -
        """
    )


def test_made_on_the_spot() -> None:
    check(
        """
        import threading
        from threading import Lock
        def f(flag):
            lock = Lock()
            #? lock -> lock m.f.<locals>.lock threading.Lock, fresh, high
            #? Lock() -> Lock() m.f.<locals>.Lock() threading.Lock, fresh, high
            #? class Lock -> threading.Lock
            #? Lock -> -
            def inner():
                pass
                #? lock -> lock m.f.<locals>.lock threading.Lock, instance, high
            return inner
        """
    )


def test_stores_by_other_names() -> None:
    check(
        """
        import threading
        class A:
            def __new__(cls):
                self = super().__new__(cls)
                self = object.__new__(cls)
                self._lock = threading.Lock()
                return self
            def f(self):
                pass
                #? self._lock -> self._lock m.A._lock threading.Lock, instance, high
                #? self.late -> self.late m.A.late threading.RLock, one, high
                #? self.set -> self.set m.A.set threading.Lock, instance, high
            def g(self):
                setattr(self, "set", threading.Lock())
        A.late = threading.RLock()
        def function():
            pass
            #? function.lock -> function.lock m.function.lock threading.Lock, one, high
        function.lock = threading.Lock()
        """
    )


def test_library_helpers() -> None:
    check(
        """
        import copy, functools, threading, weakref
        from typing import cast
        class A:
            def __init__(self):
                self._lock = threading.Lock()
        class B:
            def __init__(self, a: A, thing):
                self.weak = weakref.ref(a)
                self.proxy = weakref.proxy(a)
                self.cast = cast(A, thing)
                self.make = functools.partial(threading.Lock)
                self.lazy = lambda: threading.RLock()
            def f(self):
                pass
                #? self.weak()._lock -> self.weak()._lock m.A._lock threading.Lock, instance, high
                #? self.proxy._lock -> self.proxy._lock m.A._lock threading.Lock, instance, high
                #? self.cast._lock -> self.cast._lock m.A._lock threading.Lock, instance, high
                #? getattr(self.proxy, '_lock')
                #> getattr(self.proxy, '_lock') m.A._lock threading.Lock, instance, high
                made = self.make()
                #? made -> made m.B.f.<locals>.made threading.Lock, fresh, high
                lazy = self.lazy()
                #? lazy -> lazy m.B.f.<locals>.lazy threading.RLock, fresh, high
        """
    )


def test_recursion_and_cycles_end() -> None:
    check(
        """
        ## m.py
        import n, threading
        x = n.y
        def f(a):
            return f(a) or g(a)
        def g(a):
            return f(a)
        class A(B): pass
        class B(A): pass
        class C:
            def __init__(self, c):
                self.c = c.c
                self.me = self.me
                self.lock = self.lock or threading.Lock()
            def h(self):
                pass
                #? self.c -> -
                #? self.me -> -
                #? self.lock -> self.lock m.C.lock threading.Lock, instance, high
        C(C(1))
        #? x -> -
        #? f(1) -> -
        #? A().lock -> -
        ## n.py
        import m
        y = m.x
        """
    )


def test_functions_that_return_each_other() -> None:
    check(
        """
        import threading
        lock = threading.Lock()
        def ring(n):
            if n:
                return other(n)
            return lock
        def other(n):
            if n > 5:
                return third(n)
            return ring(n - 1)
        def third(n):
            return other(n + 1)
        def use():
            pass
            #? ring(3) -> ring(3) m.lock threading.Lock, one, medium
            #? other(3) -> other(3) m.lock threading.Lock, one, medium
            #? call ring(3).acquire() -> external threading.Lock.acquire
        """
    )


def test_what_is_no_lock() -> None:
    check(
        """
        import threading
        from elsewhere import Lock, get_lock
        class Lock2:
            def acquire(self): pass
            def release(self): pass
        class A:
            def __init__(self, lock):
                self.lock = 3
                self._lock = lock
                self.mine = Lock2()
                self.theirs = Lock()
                self.thread = threading.Thread()
                self.name_lock = "lock"
            def f(self, semaphore):
                pass
                #? self.lock -> -
                #? self._lock -> -
                #? self.mine -> -
                #? self.theirs -> -
                #? self.thread -> -
                #? self.name_lock -> -
                #? semaphore -> -
                #? get_lock() -> -
                #? open('lock') -> -
        """
    )


def test_constructor_arguments_from_other_files() -> None:
    check(
        """
        ## pkg/worker.py
        import weakref
        class Worker:
            def __init__(self, client, lock):
                self.client = client
                self.weak = weakref.proxy(client)
                self.lock = lock
            def f(self):
                pass
                #? self.client.lock
                #> self.client.lock pkg.client.Client.lock threading.Lock, instance, medium
                #? self.weak.lock
                #> self.weak.lock pkg.client.Client.lock threading.Lock, instance, medium
                #? self.lock -> self.lock pkg.worker.Worker.lock threading.RLock, instance, medium
        def helper(client):
            pass
            #? client.lock -> client.lock pkg.client.Client.lock threading.Lock, instance, medium
        ## pkg/client.py
        import threading
        from pkg import worker
        from .worker import Worker, helper
        class Client:
            def __init__(self):
                self.lock = threading.Lock()
                self.worker = Worker(self, threading.RLock())
                helper(self)
        """
    )


def test_what_a_mixin_leaves_to_its_subclasses() -> None:
    check(
        """
        ## m.py
        class Mixin:
            def f(self):
                pass
                #? self.lock -> self.lock n.Only.lock threading.Lock, instance, medium
                #? self.both -> self.both m.Mixin.both threading.RLock, instance, medium
        ## n.py
        import threading
        from m import Mixin
        class Only(Mixin):
            def __init__(self):
                self.lock = threading.Lock()
                self.both = threading.Lock()
        class Other(Mixin):
            def __init__(self):
                self.both = threading.RLock()
        """
    )


def test_descriptors_of_the_project() -> None:
    check(
        """
        import threading
        class once:
            def __init__(self, function): self.function = function
            def __get__(self, instance, owner): return self.function(instance)
        class A:
            @once
            def lock(self):
                return threading.Lock()
            def f(self):
                pass
                #? self.lock -> self.lock m.A.lock threading.Lock, instance, high
        """
    )


def test_two_files_with_one_module_name() -> None:
    files = index_files(
        {
            "one/client.py": "import threading\nlock = threading.Lock()\nimport helper\n",
            "one/helper.py": "import threading\nhelp = threading.Lock()\n",
            "two/client.py": "import threading\nlock = threading.RLock()\nimport helper\n",
            "two/helper.py": "import threading\nhelp = threading.RLock()\n",
        },
        loose=True,
    )
    resolver = StaticResolver(Project(files.values()), default_table())
    for folder, kind in (("one", "threading.Lock"), ("two", "threading.RLock")):
        own = resolver.for_file(files[f"{folder}/client.py"])
        key = f"{files[f'{folder}/client.py'].key}:<module>"
        for path in (AccessPath("lock"), AccessPath("helper", ("help",))):
            ref = own.lock(key, path)
            assert ref is not None
            assert ref.kind.name == kind


def test_modules_are_loaded_on_demand() -> None:
    files = index_files(
        {
            "app.py": "import far.away\nfrom far.away import Client\nclient = Client()\n",
            "far/away.py": "import threading\nclass Client:\n"
            "    def __init__(self):\n        self.lock = threading.Lock()\n",
        }
    )
    shelf = _Shelf(files["far/away.py"])
    resolver = StaticResolver(Project([files["app.py"]], shelf), default_table())
    ref = resolver.lock("app:<module>", AccessPath("client", ("lock",)))
    assert ref is not None
    assert ref.identity == "far.away.Client.lock"
    assert shelf.loads == ["far/away.py"]


def test_of_two_modules_of_one_name_the_nearest_is_loaded() -> None:
    client = "import threading\nclass Client:\n    def __init__(self):\n"
    files = index_files(
        {
            "one/app.py": "from away import Client\nclient = Client()\n",
            "one/away.py": client + "        self.near = threading.Lock()\n",
            "two/away.py": client + "        self.far = threading.Lock()\n",
        },
        loose=True,
    )
    for read, unread in (["two/away.py"], ["one/away.py"]), ([], ["one/away.py", "two/away.py"]):
        shelf = _Shelf(*(files[name] for name in unread))
        known = [files["one/app.py"], *(files[name] for name in read)]
        resolver = StaticResolver(Project(known, shelf), default_table())
        ref = resolver.lock("app:<module>", AccessPath("client", ("near",)))
        assert ref is not None
        assert shelf.loads == ["one/away.py"]


@dataclass(frozen=True)
class _Spine:
    shown: str
    module: str
    is_package: bool


class _Shelf:
    """Files that are not read yet; ``loads`` are those that were."""

    def __init__(self, *indexes: ModuleIndex) -> None:
        self._indexes = list(indexes)
        self.loads: list[str] = []

    def unread(self, module: str) -> list[_Spine]:
        return [_Spine(i.path, i.module, i.is_package) for i in self._indexes if i.module == module]

    def may_tell(self, module: str, shown: str) -> bool:
        return True

    def load(self, module: str, shown: str) -> ModuleIndex | None:
        found = next(index for index in self._indexes if index.path == shown)
        self._indexes.remove(found)
        self.loads.append(shown)
        return found


def test_a_question_without_steps_left_is_asked_again_when_more_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = index_files({"app.py": "import threading\nlock = threading.Lock()\n"})["app.py"]
    resolver = StaticResolver(Project([index]), default_table())
    scope, path = scope_of(index), AccessPath("lock")
    with monkeypatch.context() as patch:
        for module in ("inference", "questions"):
            patch.setattr(f"locklint.frontend.{module}.MAX_STEPS", 0)
        assert resolver.walker.types(scope, path) == UNKNOWN
    resolver.inference.begin()
    assert resolver.walker.types(scope, path) == UNKNOWN
    assert resolver.inference.exhausted
    resolver.inference.begin()
    resolver.inference.name("threading", scope)
    resolver.inference.begin()
    (kind,) = resolver.walker.types(scope, path)
    assert isinstance(kind, LockValue)


def test_a_question_that_found_something_out_before_it_was_given_up_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "import threading\nlock = threading.Lock() or threading.RLock()\n"
    index = index_files({"app.py": text})["app.py"]
    resolver = StaticResolver(Project([index]), default_table())
    scope, path = scope_of(index), AccessPath("lock")
    with monkeypatch.context() as patch:
        # Enough for what `threading` is, and not for what `lock` is.
        for module in ("inference", "questions"):
            patch.setattr(f"locklint.frontend.{module}.MAX_STEPS", 8)
        resolver.walker.types(scope, path)
        assert resolver.inference.exhausted
    resolver.inference.begin()
    kinds = [type(kind) for kind in resolver.walker.types(scope, path)]
    assert kinds == [LockValue, LockValue]


def test_getters_that_subclasses_define() -> None:
    check(
        """
        import abc, threading
        class Base(abc.ABC):
            @abc.abstractmethod
            def guard(self) -> threading.RLock: ...
            def f(self):
                pass
                #? self.guard() -> self.guard() m.Pool._lock threading.RLock, instance, high
        class Pool(Base):
            def __init__(self):
                self._lock = threading.RLock()
            def guard(self):
                return self._lock
        """
    )


def test_a_local_that_may_come_from_elsewhere_is_not_fresh() -> None:
    check(
        """
        import asyncio
        from asyncio import Semaphore
        class A:
            def __init__(self):
                self.known: dict[str, asyncio.Semaphore] = {}
                self.filled = {}
            def f(self, key, given=None):
                one = self.known.setdefault(key, Semaphore(1))
                two = self.filled.get(key, Semaphore(1))
                three = given or Semaphore(1)
                self.filled[key] = Semaphore(1)
                #? one -> one m.A.known[*] asyncio.Semaphore, element, high
                #? two -> two m.A.f.<locals>.two asyncio.Semaphore, unknown, high
                #? three -> three m.A.f.<locals>.three asyncio.Semaphore, unknown, medium
        """
    )

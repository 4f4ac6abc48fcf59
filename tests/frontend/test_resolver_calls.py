"""What is called, and what context managers are."""

from __future__ import annotations

from tests.frontend.resolving import check


def test_functions_and_imports() -> None:
    check(
        """
        ## pkg/__init__.py
        from .impl import work as do_work
        ## pkg/impl.py
        import os.path as osp
        from . import other
        def work():
            pass
        def run(thing):
            def nested():
                pass
            short = lambda: work()
            again = work
            #? call work() -> pkg.impl:work
            #? call nested() -> pkg.impl:run.nested
            #? call again() -> pkg.impl:work
            #? call other.helper() -> pkg.other:helper
            #? call osp.join() -> external os.path.join
            #? call len() -> external builtins.len
            #? call thing() -> -
            #? call thing.method() -> -
            #? call short() -> pkg.impl:run.<lambda@8:13>
            #? call missing_name() -> -
        ## pkg/other.py
        import pkg
        from pkg import do_work
        def helper():
            pass
            #? call do_work() -> pkg.impl:work
            #? call pkg.do_work() -> pkg.impl:work
            #? call pkg.impl.run() -> pkg.impl:run
        """
    )


def test_methods() -> None:
    check(
        """
        ## base.py
        import abc
        class Base:
            def __init__(self): pass
            def shared(self): pass
            @abc.abstractmethod
            def hook(self): ...
            def todo(self):
                raise NotImplementedError("later")
            def template(self):
                self.hook()
                #? call self.hook() -> base:Near.hook bound
        class Near(Base):
            def hook(self): pass
        ## m.py
        import threading
        from base import Base
        class Derived(Base):
            def __init__(self):
                super().__init__()
                #? call super().__init__() -> base:Base.__init__ bound
            def shared(self): pass
            def todo(self): pass
            @staticmethod
            def static(x): pass
            @classmethod
            def make(cls):
                return cls()
                #? call cls() -> m:Derived.__init__ makes m:Derived bound
                #? call cls.static() -> m:Derived.static
            def f(self):
                pass
                #? call self.shared() -> m:Derived.shared bound
                #? call super().shared() -> base:Base.shared bound
                #? call super(Derived, self).shared() -> base:Base.shared bound
                #? call self.static() -> m:Derived.static
                #? call self.make() -> m:Derived.make bound
                #? call Derived.shared() -> m:Derived.shared
                #? call Derived.make() -> m:Derived.make bound
                #? call self.unknown() -> -
        class Caller:
            def __init__(self, base: Base):
                self.base = base
                self.names = []
                self.text = "x"
                self.thread = threading.Thread()
            def __call__(self): pass
            def f(self):
                made = Derived()
                #? call Derived() -> m:Derived.__init__ makes m:Derived bound
                #? call made.shared() -> m:Derived.shared bound
                #? call self.base.shared() -> base:Base.shared bound
                #? call self.base.todo() -> m:Derived.todo bound
                #? call self.names.append() -> external builtins.list.append
                #? call self.text.strip() -> external builtins.str.strip
                #? call self.thread.start() -> external threading.Thread.start
                #? call Caller(made)() -> m:Caller.__call__ bound
        class Worker(threading.Thread):
            def run(self):
                pass
                #? call self.join() -> external threading.Thread.join
                #? call super().run() -> external threading.Thread.run
                #? call self.run() -> m:Worker.run bound
        """
    )


def test_lock_methods() -> None:
    check(
        """
        import threading
        lock = threading.Lock()
        def f():
            pass
            #? call lock.acquire() -> external threading.Lock.acquire
            #? call threading.Lock() -> external threading.Lock
        """
    )


def test_context_managers() -> None:
    check(
        """
        import contextlib, threading
        from contextlib import contextmanager, ExitStack
        class Work:
            def __enter__(self):
                return self
            def __exit__(self, *exc): pass
        class Special(Work):
            def __exit__(self, *exc): pass
        class Aio:
            async def __aenter__(self): pass
            async def __aexit__(self, *exc): pass
        class Both(Work, Aio): pass
        def begin():
            return Work()
        @contextmanager
        def locked(lock):
            with lock:
                yield lock
        class A:
            def __init__(self):
                self._lock = threading.Lock()
            @contextlib.contextmanager
            def held(self):
                with self._lock:
                    yield self
            def f(self, stack):
                own = ExitStack()
                #? with Work() -> m:Work.__enter__ m:Work.__exit__
                #? with Special() -> m:Work.__enter__ m:Special.__exit__
                #? with Aio()
                #> m:Aio.__aenter__ m:Aio.__aexit__ async m:Aio.__aenter__ m:Aio.__aexit__
                #? with Both()
                #> m:Work.__enter__ m:Work.__exit__ async m:Aio.__aenter__ m:Aio.__aexit__
                #? with begin() -> m:Work.__enter__ m:Work.__exit__
                #? with self.held() -> generator m:A.held
                #? with locked(self._lock) -> generator m:locked
                #? with ExitStack() -> external contextlib.ExitStack
                #? with own -> external contextlib.ExitStack
                #? with contextlib.suppress(OSError) -> external contextlib.suppress
                #? with open('x') -> external builtins.open
                #? with stack -> -
                with locked(self._lock) as held:
                    pass
                    #? held -> held m.A.f.<locals>.held threading.Lock, unknown, medium
        """
    )

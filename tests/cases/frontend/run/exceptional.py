"""``try``, ``with``, ``raise`` and every way through them."""

import contextlib

from tests.frontend.compare import Registry

case = Registry()


class Manager:
    """Notes its use; swallows exceptions of the type ``swallow``; fails where told to."""

    def __init__(self, t, name, swallow=(), fail=""):
        self.t, self.name, self.swallow, self.fail = t, name, swallow, fail

    def __enter__(self):
        self.t(f"enter {self.name}")
        if self.fail == "enter":
            raise RuntimeError("enter")
        return self.name

    def __exit__(self, kind, error, traceback):
        self.t(f"exit {self.name} {kind and kind.__name__} {error}")
        if self.fail == "exit":
            raise RuntimeError("exit")
        return isinstance(error, self.swallow) if error is not None else 0


def fail(t, kind, *args):
    t(f"raise {kind.__name__}")
    raise kind(*args)


@case((0,), (1,), (2,), (3,), (4,))
def try_except_else(t, n):
    try:
        t("try")
        if n == 1:
            raise ValueError("one")
        elif n == 2:
            raise KeyError("two")
        elif n == 3:
            raise TypeError
        elif n == 4:
            return "returned"
    except ValueError as e:
        t(f"caught {e}")
    except (KeyError, IndexError):
        t("key or index")
        return "handler"
    else:
        t("else")
    return "end"


@case((0,), (1,))
def except_everything(t, n):
    try:
        1 / n
    except:
        return "failed"
    return "fine"


@case((0,), (1,), (2,), (3,), (4,), (5,))
def finally_ways(t, n):
    for i in range(2):
        try:
            t("try")
            if n == 0:
                continue
            if n == 1:
                break
            if n == 2:
                return t("value", i)
            if n == 3:
                raise ValueError(n)
            if n == 4:
                pass
        finally:
            t(f"finally {i}")
        t("after")
    else:
        t("else")
    return "end"


@case((0,), (1,), (2,), (3,), (4,), (5,))
def finally_overrides(t, n):
    for i in range(3):
        try:
            if n < 3:
                raise ValueError("lost")
            return "overridden"
        finally:
            if n in (0, 3):
                continue
            if n in (1, 4):
                break
            if n in (2, 5):
                return f"from finally {i}"
    return "after the loop"


@case((0,), (1,), (2,), (3,))
def nested_finally(t, n):
    try:
        while True:
            try:
                try:
                    if n == 0:
                        return 0
                    if n == 1:
                        break
                    if n == 2:
                        raise KeyError(2)
                    n = 0
                    continue
                finally:
                    t("inner")
            except KeyError as error:
                t(f"caught {error!r}")
                return "handled"
            finally:
                t("middle")
    finally:
        t("outer")
    return "broke"


@case((0,), (1,), (2,))
def finally_raises(t, n):
    try:
        try:
            if n:
                raise ValueError("first")
            return "value"
        finally:
            if n < 2:
                fail(t, KeyError, "second")
    except LookupError as error:
        return type(error.__context__).__name__ if n == 9 else "lookup"
    except ValueError:
        return "value error"


@case((0,), (1,))
def raise_in_handler(t, n):
    try:
        try:
            fail(t, ValueError, 1)
        except ValueError as e:
            if n:
                raise
            raise KeyError(2) from e
        finally:
            t("finally")
    except (ValueError, KeyError) as e:
        t(type(e).__name__)
        return type(e.__cause__).__name__


@case((0,), (1,), (2,))
def bare_raise(t, n):
    try:
        try:
            fail(t, ValueError, "outer")
        except ValueError as e:
            try:
                fail(t, KeyError, "inner")
            except KeyError:
                t("pass")
                if n == 1:
                    raise
            e2 = e
            if n == 2:
                try:
                    t("in try")
                finally:
                    raise
            raise
    except Exception as e:
        return repr(e)


@case((1,))
def bare_raise_in_finally(t, n):
    try:
        try:
            if n:
                raise ValueError("x")
        finally:
            raise
    except Exception as e:
        return repr(e)


@case((0,), (1,), (2,), (3,))
def name_is_unbound(t, n):
    e = "before"
    for _ in range(1):
        try:
            raise ValueError("v")
        except ValueError as e:
            t(e)
            if n == 1:
                break
            if n == 2:
                del e
            if n == 3:
                e = "rebound"
    try:
        return e
    except UnboundLocalError as error:
        return str(error)


@case((0,), (1,))
def name_in_cell(t, n):
    try:
        raise ValueError("v")
    except ValueError as e:
        f = lambda: e
        t(f())
        if n:
            return "returned"
    try:
        return f()
    except NameError as error:
        return str(error)


@case((0,), (1,), (2,))
def handler_raises_with_name(t, n):
    try:
        try:
            raise ValueError("v")
        except ValueError as e:
            if n == 0:
                fail(t, KeyError, e)
            if n == 1:
                return e.args
            raise
    except Exception as outer:
        try:
            t(e)
        except UnboundLocalError:
            t("unbound")
        return repr(outer)


@case()
def type_is_evaluated_lazily(t):
    try:
        try:
            fail(t, KeyError)
        except t("first", ValueError):
            pass
        except (t("second", KeyError), t("third", IndexError)):
            t("caught")
        except t("never"):
            pass
        try:
            fail(t, ValueError)
        except t("not a class", 5):
            pass
    except TypeError as error:
        return str(error)


@case((0,), (1,), (2,), (3,), (4,), (5,))
def with_ways(t, n):
    for i in range(2):
        with Manager(t, f"a{i}", ValueError) as name:
            t(name)
            if n == 0:
                continue
            if n == 1:
                break
            if n == 2:
                return t("value", i)
            if n == 3:
                raise ValueError("swallowed")
            if n == 4:
                raise KeyError("passed on")
        t("after")
    else:
        t("else")
    return "end"


@case(("",), ("enter",), ("exit",))
def several_managers(t, where):
    with Manager(t, "a", RuntimeError) as a, Manager(t, "b", fail=where) as b, Manager(t, "c", KeyError):
        t(a + b)
        {}[0]
    return "done"


@case(("enter",), ("exit",))
def manager_fails(t, where):
    try:
        with Manager(t, "outer"):
            with Manager(t, "inner", fail=where):
                return "lost"
    except RuntimeError as error:
        return str(error)


@case()
def manager_targets(t):
    xs = [0]
    with Manager(t, "ab") as (a, b), Manager(t, "c") as xs[0]:
        t(a + b)
    with (
        Manager(t, "d") as d,
        Manager(t, "e"),
    ):
        t(d)
    try:
        with Manager(t, "f") as (p, q):
            t("never")
    except ValueError as error:
        t(error)
    try:
        with 5:
            t("never")
    except TypeError:
        t("no manager")
    return xs


@case((0,), (1,), (2,))
def with_in_finally(t, n):
    try:
        if n == 0:
            return 0
        if n == 1:
            raise ValueError
    finally:
        with Manager(t, "a", KeyError):
            t("body")
            raise KeyError
    return "end"


@case((0,), (1,), (2,), (3,))
def try_in_with_in_loop(t, n):
    out = []
    while True:
        n += 1
        with Manager(t, n, (ValueError,)):
            try:
                if n == 1:
                    continue
                if n == 2:
                    raise ValueError
                if n == 3:
                    out.append(n)
                else:
                    break
            except KeyError:
                t("never")
            else:
                t("else")
            finally:
                t("finally")
            t("end of with")
        t("end of loop")
    return out


@case((0,), (1,))
def suppressed(t, n):
    with contextlib.suppress(ZeroDivisionError):
        t(1 // n)
        return "returned"
    return "suppressed"


@case((0,), (1,), (2,))
def return_value_is_evaluated_first(t, n):
    x = 1
    xs = [1]
    try:
        if n == 0:
            return x
        if n == 1:
            return xs
        return t("value", x) + 1
    finally:
        x = 2
        xs.append(2)
        t("finally")


@case((0,), (1,), (2,), (3,))
def else_with_finally(t, n):
    try:
        try:
            if n == 1:
                raise ValueError
        except ValueError:
            t("handler")
            if n == 1:
                return "handled"
        else:
            t("else")
            if n == 2:
                raise KeyError
            if n == 3:
                return "else"
        finally:
            t("finally")
    except KeyError:
        return "key"
    return "end"


@case((0,), (1,), (2,), (3,), (4,), (5,), (6,))
def deep_mixture(t, n):
    for i in range(2):
        try:
            with Manager(t, "w", KeyError):
                for j in range(3):
                    try:
                        try:
                            if n == j:
                                continue
                            if n == 3:
                                break
                            if n == 4:
                                return t("r", (i, j))
                            if n == 5:
                                raise KeyError
                            if n == 6:
                                raise ValueError
                        finally:
                            t(f"f1 {j}")
                    except ValueError:
                        t("value")
                        if i:
                            raise
                        continue
                    finally:
                        t(f"f2 {j}")
                    t("body")
                else:
                    t("for else")
        except ValueError:
            t("outer")
            return "outer"
        finally:
            t(f"f3 {i}")
    return "end"


@case((0,), (1,))
def loop_in_finally(t, n):
    try:
        if n:
            return "value"
    finally:
        for i in range(3):
            if i == 1:
                break
            try:
                continue
            finally:
                t(i)
        while n:
            n = 0
    return "end"


@case((0,), (1,), (2,))
def raise_forms(t, n):
    if n == 0:
        raise ValueError
    if n == 1:
        raise t("exception", ValueError("x")) from t("cause", KeyError("y"))
    raise t("not an exception", 5)


@case((0,), (1,))
def raise_from_none(t, n):
    try:
        {}[0]
    except KeyError:
        raise ValueError("v") from None


@case((3,))
def retries(t, n):
    attempts = 0
    while True:
        try:
            attempts += 1
            if attempts < n:
                raise OSError(attempts)
            result = attempts
        except OSError as error:
            t(error)
            continue
        else:
            break
        finally:
            t("cleanup")
    return result


@case((0,), (2,))
def yields_through_finally(t, n):
    try:
        yield 1
        with Manager(t, "m"):
            yield 2
            if n:
                return
        yield 3
    finally:
        t("finally")
        yield 4


@case()
def assertion_is_caught(t):
    try:
        assert t("check", False), t("message", "text")
    except AssertionError as error:
        return error.args

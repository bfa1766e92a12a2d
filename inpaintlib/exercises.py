"""Checking a learner's function in a lesson: the attempt if there is one, else the reference."""

from collections.abc import Callable


def check(attempt: Callable, reference: Callable, test: Callable[[Callable], None]) -> None:
    """Run `test` on the attempt; on a stub, say so and run it on the reference solution.

    So a lesson runs from top to bottom before anything is solved, the reference is tested at every
    run, and a wrong attempt fails with the message of the assertion that it breaks.

    Args:
        attempt: the learner's function; a stub raises NotImplementedError.
        reference: the solution shown below the exercise.
        test: calls the function it is given and asserts what must hold.

    Raises:
        AssertionError: the attempt (or the reference) fails the test.
    """
    name = getattr(attempt, "__name__", "attempt")
    try:
        test(attempt)
    except NotImplementedError:
        test(reference)
        print(f"{name}: not solved yet (the reference solution passes this check)")
    else:
        print(f"{name}: correct")

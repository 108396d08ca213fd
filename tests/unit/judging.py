"""A recorded history judged in this process, its errors raised."""

from clew.checkers.recordings import judge_files
from clew.errors import ClewError


def judge_file(path, model=None, *, consistency_models=(), **said):
    if consistency_models:
        said["options"] = {"consistency-models": ",".join(consistency_models)}
    (answer,) = judge_files([path], model, **said)
    if isinstance(answer, ClewError):
        raise answer
    return answer

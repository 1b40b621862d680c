"""Pass, Pipeline and their observers."""

from .base import Observer, Pass, Pipeline, Stage, Upstream

__all__ = ["Observer", "Pass", "Pipeline", "Stage", "Upstream"]

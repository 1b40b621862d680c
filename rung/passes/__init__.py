"""Pass, Pipeline, their text, and their observers."""

from .base import Observer, Pass, Pipeline, Stage, Upstream
from .text import parse_pass, parse_pipeline

__all__ = ["Observer", "Pass", "Pipeline", "Stage", "Upstream", "parse_pass", "parse_pipeline"]

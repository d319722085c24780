"""Scores of mattes against ground truth."""

from stcn_plugin.evaluation.comparing import evaluate
from stcn_plugin.evaluation.scores import UNITS, Evaluation, ObjectScores, Scores

__all__ = ["UNITS", "Evaluation", "ObjectScores", "Scores", "evaluate"]

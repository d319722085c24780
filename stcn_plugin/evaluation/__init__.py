"""Scores of mattes against ground truth."""

from stcn_plugin.evaluation.comparing import evaluate
from stcn_plugin.evaluation.plate import plate_images
from stcn_plugin.evaluation.scores import UNITS, Evaluation, ObjectScores, Scores

__all__ = ["UNITS", "Evaluation", "ObjectScores", "Scores", "evaluate", "plate_images"]

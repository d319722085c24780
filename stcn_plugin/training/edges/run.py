"""A training run of the edge network."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np
import torch

from stcn_plugin.network.edges import EdgeNetwork
from stcn_plugin.training.config import Optimiser
from stcn_plugin.training.edges.losses import band, edge_loss, errors, levelled
from stcn_plugin.training.edges.pool import Pool
from stcn_plugin.training.optimisation import ema_model, learning_rate

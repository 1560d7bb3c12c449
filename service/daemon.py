"""The daemon: every part at the table, started in order and stopped in the reverse."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec

from triphammer.config.clock import SystemClock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import LoadedSettings
from triphammer.config.source import SensorSpec
from triphammer.flows.capture import capturing
from triphammer.flows.executors.flow_loop import FlowLoopExecutor
from triphammer.flows.executors.threads import ThreadExecutor
from triphammer.flows.executors.watchdog import Watchdog, short_switch_interval
from triphammer.sensors.contract import SensorContext
from triphammer.service.claims import ClaimWorker
from triphammer.service.gauges import Gauges
from triphammer.service.health import Health
from triphammer.service.loading import Loaded, load
from triphammer.service.operations import Operations
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.parts import Core, Edges
from triphammer.service.store.open import OpenStore, open_store
from triphammer.service.supervisor import Supervisor
from triphammer.service.web.app import build_app
from triphammer.service.web.console import Console
from triphammer.service.web.doors import Doors
from triphammer.service.web.probes import Probes
from triphammer.service.web.reading import Reading
from triphammer.service.web.server import WebServer, listen

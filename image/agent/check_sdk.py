#!/usr/bin/env python3
"""Checks the agent and its stand-in against the real yapapi, without a yagna:

    python3 image/agent/check_sdk.py

RunnerTest and ServeTest use the SDK's own ServiceRunner, engine, scripts and events; only
the provider is simulated.
"""

import asyncio
import contextlib
import inspect
import io
import logging
import os
import shutil
import signal
import tempfile
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import yapapi
from yapapi import events
from yapapi.ctx import WorkContext
from yapapi.engine import _Engine
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.rest.activity import CommandExecutionError
from yapapi.script import Script
from yapapi.services import Cluster, Service, ServiceRunner, ServiceState

import observer
import on_golem
import requestor
import stand_in
from collected import Collected
from fake_machine import (DIST, ROWS, START, STATISTICS, STATS, Finished,
                          ScriptedMachine)
from test_requestor import HASH


def parameters(function) -> set:
    return set(inspect.signature(function).parameters)


class NamesTest(unittest.TestCase):
    def test_what_is_passed_is_taken(self):
        for function, passed in (
            (yapapi.Golem, "budget subnet_tag payment_driver payment_network"),
            (yapapi.Golem.run_service, "service_class payload instance_params expiration"),
            (vm.repo, "image_hash min_mem_gib min_storage_gib"),
            (enable_default_logger, "log_file"),
            (Cluster.stop_instance, "service"),
        ):
            with self.subTest(function):
                self.assertLessEqual(set(passed.split()), parameters(function))
        self.assertTrue(hasattr(Cluster, "instances") and hasattr(Cluster, "stop"))
        self.assertTrue({"pending", "starting"} <= set(dir(ServiceState)))

    def test_stand_in_takes_no_more_than_the_sdk(self):
        for ours, theirs in (
            (stand_in.Context.new_script, WorkContext.new_script),
            (stand_in.Script.run, Script.run),
            (stand_in.Script.download_file, Script.download_file),
            (stand_in.Script.upload_bytes, Script.upload_bytes),
        ):
            with self.subTest(theirs):
                self.assertLessEqual(parameters(ours), parameters(theirs))
        failed = CommandExecutionError("command", "message", "stderr")
        self.assertLessEqual({"command", "message", "stderr"}, set(vars(failed)))
        known = {field.name for field in events.CommandExecuted.__attrs_attrs__}
        self.assertLessEqual(set(stand_in.Executed._fields), known)

    def test_hooks_are_the_sdks(self):
        for hook in ("start", "run", "shutdown"):
            self.assertTrue(inspect.isasyncgenfunction(getattr(Service, hook)))
            self.assertTrue(inspect.isasyncgenfunction(getattr(on_golem.SimpleService, hook)))
        for name in ("reset", "restart_condition", "is_available", "state"):
            self.assertTrue(hasattr(Service, name), name)

    def test_payload_is_built_of_the_hash(self):
        async def resolved(repository, image_hash=None, **rest):
            return f"hash:sha3:{image_hash}:http://example.org/image.gvmi"

        with mock.patch("yapapi.payload.vm.resolve_package_url", resolved):
            payload = asyncio.run(on_golem.payload(HASH))
        self.assertIn(HASH, payload.image_url)
        self.assertEqual(payload.constraints.min_mem_gib, 0.5)


class Provider:
    """Simulates the activity and the storage: executes batches as an exe-unit would."""

    id = "activity"

    def __init__(self, machine):
        self._machine = stand_in.Context(machine)
        self._published = {}

    async def send(self, batch, deadline=None):
        return self._executed(batch)

    async def _executed(self, batch):
        for index, command in enumerate(batch):
            (kind, what), = command.items()
            result = dict(cmd_idx=index, success=True, message=None, stdout=None, stderr=None)
            try:
                if kind == "run":
                    said = self._machine.run(what["entry_point"], *what["args"])
                    result.update(said._asdict())
                elif kind == "transfer" and what["from"] in self._published:
                    self._machine.upload_bytes(
                        self._published[what["from"]], what["to"].replace("container:", ""))
                elif kind == "transfer":
                    self._machine.download_file(what["from"].replace("container:", ""), what["to"])
            except stand_in.Failed as failed:
                result.update(success=False, message=failed.message, stderr=failed.stderr)
            yield events.CommandExecuted, result

    async def state(self):
        return True

    async def upload_bytes(self, data):
        url = f"gftp://published/{len(self._published)}"
        self._published[url] = data
        return SimpleNamespace(download_url=url)

    async def release_source(self, source):
        del self._published[source.download_url]

    async def new_destination(self, destination_file=None):
        arrived = Path(f"{destination_file}.arriving")

        async def download_file(target):
            shutil.move(arrived, target)

        return SimpleNamespace(upload_url=str(arrived), download_file=download_file)


class PlayedCluster:
    """Runs services with the SDK's ServiceRunner and engine."""

    def __init__(self, services: dict):
        self.instances = list(services)
        self._runner = ServiceRunner(job=None)
        self.tasks = [asyncio.ensure_future(self._drive(*each)) for each in services.items()]

    def stop_instance(self, service) -> None:
        self._runner.stop_instance(service)

    def stop(self) -> None:
        for service in self.instances:
            self.stop_instance(service)

    async def _drive(self, service, machine) -> None:
        provider = Provider(machine)
        emit = lambda event_class, **fields: event_class(job=None, **fields)  # noqa: E731
        service._set_ctx(WorkContext(provider, None, provider, emit))
        self._runner._change_state(service.service_instance)
        batches = self._runner._run_instance(service.service_instance)
        engine = SimpleNamespace(accept_payments_for_agreement=mock.AsyncMock())
        try:
            await _Engine.process_batches(engine, "job", "agreement", provider, batches)
        except StopAsyncIteration:
            pass


def end_in_the_middle(machine: ScriptedMachine) -> None:
    """The activity ends at the second look. The SDK does not throw that into any hook."""
    def until_it_ends():
        if ("--dump", "--from", "2") not in machine.ran:
            return STATISTICS
        ended = RuntimeError("the activity has ended")
        machine.answers.update(dict.fromkeys(machine.answers, ended))
        raise ended

    machine.answers[STATS] = until_it_ends


class RunnerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.machine = ScriptedMachine(self.folder / "machine")
        self.collected = Collected(["one"], say=lambda line: None)

    def run_one(self, stop_after_s: float) -> on_golem.SimpleService:
        async def driven():
            service = on_golem.SimpleService(
                name="one", out=self.folder, collected=self.collected, interval_s=0.02)
            cluster = PlayedCluster({service: self.machine})
            asyncio.get_running_loop().call_later(stop_after_s, cluster.stop)
            await asyncio.wait_for(cluster.tasks[0], 20)
            self.assertEqual(service.state, ServiceState.terminated)
            return service

        return asyncio.run(driven())

    def test_instance_is_observed_and_stopped(self):
        self.run_one(0.3)
        self.assertEqual(self.collected.failures, {})
        self.assertEqual(self.machine.ran[0], ("--start",))
        self.assertEqual(self.machine.ran[-2:], [("--dump", "--from", "2"), ("--stop",)])
        self.assertEqual(self.collected.statistics["one"]["size"], 2)
        self.assertGreaterEqual(len(self.collected.plots["one"]), 4)
        self.assertEqual(self.collected.dumps["one"].read_bytes(), ROWS)
        left = self.machine.volume("/golem/out").iterdir()
        self.assertEqual({each.read_bytes() for each in left}, {b""})

    def test_activity_that_ends_keeps_what_was_fetched(self):
        end_in_the_middle(self.machine)
        self.run_one(0.3)
        self.assertEqual(self.collected.dumps["one"].read_bytes(), ROWS)
        self.assertEqual(self.collected.whole, set())

    def test_start_is_tried_again_a_few_times(self):
        self.machine.answers[START] = Finished(1, b"", b"no store", 1)
        service = self.run_one(60)
        self.assertIn("exit status 1: no store", self.collected.failures["one"][0])
        self.assertEqual(self.machine.ran, [("--start",)])
        for _ in range(on_golem.STARTS_MOST - 1):
            self.assertTrue(service.restart_condition)
            asyncio.run(service.reset())
            self.assertEqual(self.collected.failures, {})
        self.assertFalse(service.restart_condition)

    def test_failures_are_thrown_to_the_observer(self):
        self.machine.answers[DIST] = Finished(1, b"", b"disk full", 1)
        self.run_one(0.3)
        self.assertIn("one", self.collected.dumps)
        self.assertEqual(set(self.collected.failures["one"]), {
            "/golem/run/simple_service.py --plot dist: exit status 1: disk full"})
        self.assertEqual(self.machine.ran[-1], ("--stop",))


class PlayedGolem:
    """Rents at once, without a provider."""

    def __init__(self, machines: list):
        self._machines = machines

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass

    async def run_service(self, service_class, payload, instance_params, expiration):
        services = [service_class(**each) for each in instance_params]
        return PlayedCluster(dict(zip(services, self._machines)))


class ServeTest(unittest.TestCase):
    """From the options of the command line to the results."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.machines = [ScriptedMachine(self.folder / each) for each in ("1", "2")]
        for each in (
            mock.patch.object(on_golem, "POLL_S", 0.02),
            mock.patch.object(on_golem, "Golem", lambda **options: PlayedGolem(self.machines)),
            mock.patch.object(on_golem, "payload", mock.AsyncMock()),
            mock.patch.object(on_golem, "enable_default_logger"),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            each.__enter__()
            self.addCleanup(each.__exit__, None, None, None)

    def serve(self, running_time: str):
        options = requestor.parse(["--image-hash", HASH, "--instances", "2", "--running-time",
                                   running_time, "--out", str(self.folder)])
        return asyncio.run(asyncio.wait_for(on_golem.serve(options), 20))

    def test_instances_are_stopped_in_time(self):
        collected = self.serve("1")
        self.assertEqual(collected.failures, {})
        self.assertEqual(collected.final["size"], 4)
        self.assertEqual([each.ran[-1] for each in self.machines], [("--stop",)] * 2)

    def test_ctrl_c_fetches_the_dumps_and_stops(self):
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        collected = self.serve("1000")
        self.assertEqual(collected.final["size"], 4)
        self.assertEqual([each.ran[-1] for each in self.machines], [("--stop",)] * 2)

    def test_activity_that_ends_is_reported_and_keeps_what_was_fetched(self):
        end_in_the_middle(self.machines[0])
        with mock.patch.dict(observer.Observer.__init__.__kwdefaults__, interval_s=0.02):
            collected = self.serve("1")
        self.assertEqual(collected.failures, {
            "simple-service-1": ["has ended before its last observations were fetched"]})
        self.assertEqual(collected.dumps["simple-service-1"].read_bytes(), ROWS)
        self.assertEqual((collected.final["size"], collected.whole), (4, {"simple-service-2"}))

    def test_activity_that_ends_is_reported_after_other_failures(self):
        machine = self.machines[0]
        end_in_the_middle(machine)
        until_it_ends = machine.answers[STATS]

        def failed_once():
            machine.answers[STATS] = until_it_ends
            return Finished(1, b"", b"busy", 1)

        machine.answers[STATS] = failed_once
        with mock.patch.dict(observer.Observer.__init__.__kwdefaults__, interval_s=0.02):
            collected = self.serve("1")
        first, last = collected.failures["simple-service-1"]
        self.assertTrue(first.endswith("--stats: exit status 1: busy"), first)
        self.assertEqual(last, "has ended before its last observations were fetched")

    def test_instance_that_does_not_start_spoils_nothing(self):
        self.machines[0].answers[START] = Finished(1, b"", b"no store", 1)
        collected = self.serve("1")
        self.assertEqual(list(collected.failures), ["simple-service-1"])
        self.assertEqual(list(collected.dumps), ["simple-service-2"])


if __name__ == "__main__":
    logging.getLogger("yapapi").setLevel(logging.CRITICAL)
    print("yapapi", yapapi.__version__, flush=True)
    unittest.main()

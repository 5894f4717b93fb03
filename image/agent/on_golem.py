"""The service on rented machines: everything that needs yapapi and a running yagna."""

import asyncio
import signal
from argparse import Namespace
from datetime import datetime, timedelta, timezone

from yapapi import Golem
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.services import Service, ServiceState

from collected import Collected
from observer import DUMP_TIMEOUT, Observer

STARTING_TIMEOUT = timedelta(minutes=4)
STOPPING_TIMEOUT = DUMP_TIMEOUT + timedelta(minutes=2)
# Providers do not take an agreement that ends within five minutes.
EXPIRATION_MARGIN = timedelta(minutes=5)
# How many times in all a failing start is tried, each on another provider; every try costs.
STARTS_MOST = 3
POLL_S = 1.0


class SimpleService(Observer, Service):
    """One rented instance."""

    _starts = 1

    @property
    def restart_condition(self) -> bool:
        return super().restart_condition and self._starts < STARTS_MOST

    async def reset(self) -> None:
        self._starts += 1
        self._collected.forgive(self.name)


async def payload(image_hash: str):
    """Asks Golem's registry for the image. The store is in the guest's memory, and takes
    at most 32 bytes an observation."""
    return await vm.repo(image_hash=image_hash, min_mem_gib=0.5, min_storage_gib=2.0)


async def serve(options: Namespace) -> Collected:
    """Rents, observes and ends the instances. The first Ctrl-C ends them early, after
    fetching their dumps; the second one at once."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    enable_default_logger(log_file=str(options.out / "yapapi.log"))
    names = [f"simple-service-{number}" for number in range(1, options.instances + 1)]
    collected = Collected(names)
    image = await payload(options.image_hash)
    expiration = datetime.now(timezone.utc) + timedelta(seconds=options.running_time)
    async with Golem(
        budget=options.budget,
        subnet_tag=options.subnet_tag,
        payment_driver=options.payment_driver,
        payment_network=options.payment_network,
    ) as golem:
        cluster = await golem.run_service(
            SimpleService,
            payload=image,
            instance_params=[
                {"name": name, "out": options.out, "collected": collected} for name in names
            ],
            expiration=expiration + STARTING_TIMEOUT + STOPPING_TIMEOUT + EXPIRATION_MARGIN,
        )
        await _started(cluster, stop, collected)
        await _until(lambda: stop.is_set() or _ended(cluster, collected), options.running_time)
        cluster.stop()
        await _until(lambda: _ended(cluster, collected), STOPPING_TIMEOUT.total_seconds())
    for name in sorted(set(names) - collected.whole - set(collected.failures)):
        collected.fail(name, "has ended before its last observations were fetched")
    collected.conclude()
    return collected


async def _started(cluster, stop: asyncio.Event, collected: Collected) -> None:
    """Gives up those that have not started in time. The others go on."""
    waiting = (ServiceState.pending, ServiceState.starting)

    def late():
        return [each for each in cluster.instances if each.state in waiting]

    await _until(lambda: stop.is_set() or not late(), STARTING_TIMEOUT.total_seconds())
    for instance in late():
        if not stop.is_set():
            collected.fail(instance.name, f"has not started within {STARTING_TIMEOUT}")
        cluster.stop_instance(instance)
        collected.left(instance.name)


def _ended(cluster, collected: Collected) -> bool:
    """Also reports the instances that were lost, for which the others do not wait."""
    gone = [each for each in cluster.instances if not each.is_available]
    for instance in gone:
        collected.lost(instance.name)
    return len(gone) == len(cluster.instances)


async def _until(reached, limit_s: float) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + limit_s
    while not reached() and clock() < end:
        await asyncio.sleep(POLL_S)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
            return
        print("stopping the instances; a second signal ends at once")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)

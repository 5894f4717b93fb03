#!/usr/bin/env python3
"""Runs the service on machines that are rented on Golem, observes it, and fetches its plots
and observations. README.md describes what it needs and what it prints."""

import argparse
import asyncio
import os
import re
import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import List, Optional

# The SDK's default is a network on which today's yagna has no account.
PAYMENT_NETWORK = "hoodi"


def parse(words: Optional[List[str]] = None) -> argparse.Namespace:
    """Reads the command line. An invalid one ends the program with status 2."""
    parser = argparse.ArgumentParser(description="Runs the simple service on Golem")
    parser.add_argument("--image-hash", type=image_hash, required=True, metavar="HASH",
                        help="SHA3-224 of the image, as image/build prints it")
    parser.add_argument("--instances", type=count, default=1, metavar="N",
                        help="how many are rented (default: %(default)s)")
    parser.add_argument("--running-time", type=count, default=120, metavar="SECONDS",
                        help="from the last start to the stop (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where plots, dumps and the log go (default: simple-service-<now>)")
    parser.add_argument("--budget", type=amount, default=1.0, metavar="GLM",
                        help="what may be paid at most (default: %(default)s)")
    parser.add_argument("--subnet-tag", metavar="NAME", help="for example public")
    parser.add_argument("--payment-driver", metavar="NAME", help="for example erc20")
    network = os.environ.get("YAGNA_PAYMENT_NETWORK") or PAYMENT_NETWORK
    parser.add_argument("--payment-network", default=network, metavar="NAME",
                        help="what is paid on (default: $YAGNA_PAYMENT_NETWORK, else "
                             f"{PAYMENT_NETWORK}, the test network of yagna since 0.17.4)")
    options = parser.parse_args(words)
    if options.out is None:
        options.out = Path(f"simple-service-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}")
    return options


def image_hash(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{56}", text.lower()):
        message = f"{text!r} is no SHA3-224, which has 56 hexadecimal digits; it has {len(text)}"
        raise argparse.ArgumentTypeError(message)
    return text.lower()


def count(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 999999")
    return int(text)


def amount(text: str) -> float:
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", text) or float(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount above zero")
    return float(text)


def missing() -> Optional[str]:
    """What is missing for the SDK, and what to do; None if nothing is."""
    if not os.environ.get("YAGNA_APPKEY"):
        return "YAGNA_APPKEY is not set: `yagna app-key create requestor` makes a key"
    if shutil.which("gftp") is None:
        return "there is no gftp on the PATH: it comes with yagna, and transfers the files"
    return None


def main() -> int:
    options = parse()
    try:
        import on_golem
    except ImportError as error:
        requirements = Path(__file__).with_name("requirements.txt")
        return fail(f"yapapi cannot be loaded ({error}): pip install -r {requirements}")
    lacking = missing()
    if lacking:
        return fail(lacking)
    if any(options.out.glob("*-dump.json")):
        return fail(f"{options.out} holds the dumps of an earlier run: "
                    "name another folder with --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        collected = asyncio.run(on_golem.serve(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return fail("ended at once, without the last observations")
    except Exception as error:
        refused = isinstance(getattr(error, "os_error", None), ConnectionRefusedError)
        hint = "; `yagna service run` starts yagna" if refused else ""
        return fail(f"{str(error) or type(error).__name__}{hint}")
    return 1 if collected.failures else 0


def fail(why: str) -> int:
    print(f"requestor.py: error: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m simulators`: channels, city load, city play, city book."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.core.config import InstallationSettings
from app.core.errors import SetupError
from app.core.supervised import exit_with_parent

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="模拟的支付、短信渠道与演示城市",
)
city = typer.Typer(no_args_is_help=True, help="The demo city")
app.add_typer(city, name="city")


@app.command()
def channels() -> None:
    """Serve the simulated WeChat Pay, Aliyun SMS and Taobao on SIM_PORT."""
    # The city needs none of these.
    from app.notifications.templates import provider_texts  # noqa: PLC0415
    from simulators.channels.config import SimulatorConfig  # noqa: PLC0415
    from simulators.channels.credentials import ensure_credentials  # noqa: PLC0415
    from simulators.channels.server import serve  # noqa: PLC0415

    exit_with_parent()
    installed = InstallationSettings()
    accounts = ensure_credentials(installed.var_dir, f"http://127.0.0.1:{installed.sim_port}")
    secret = accounts["aliyun_sms"]["receipt_secret"]
    calls = f"{installed.base_url}/api/v1/sms/aliyun"
    serve(
        installed.sim_port,
        var=installed.var_dir,
        config=SimulatorConfig(
            var=installed.var_dir,
            templates=provider_texts(),
            receipt_url=f"{calls}/receipts/{secret}",
            reply_url=f"{calls}/replies/{secret}",
            demo_shop=True,
        ),
    )


@city.command()
def load(
    households: Annotated[int, typer.Option(min=1, max=200_000)] = 20_000,
    seed: Annotated[int, typer.Option()] = 1,
    districts: Annotated[int, typer.Option(min=1, max=10, help="20 blocks each")] = 10,
) -> None:
    """Prepare a demo: keys, migrations, and the city in an empty database."""
    from simulators.city.load import load_city  # noqa: PLC0415  # channels do not need it

    exit_with_parent()
    asyncio.run(load_city(households=households, seed=seed, districts=districts))


@city.command()
def play(
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the next morning unless said")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, max=600, help="business seconds a second; 0 leaps")
    ] = 36,
    seed: Annotated[int, typer.Option()] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="sms-down, payments-lost, phones-offline, deliverer-ill; repeatable"),
    ] = None,
    endless: Annotated[bool, typer.Option(help="go on to the next morning, and the next")] = False,
    once_a_day: Annotated[
        bool, typer.Option(help="at most one morning a wall day; then only the thermometers")
    ] = False,
) -> None:
    """Play a morning of the running demo through its API, as phones, households and sensors."""
    from simulators.city.play.command import play as play_morning  # noqa: PLC0415  # see load
    from simulators.city.play.player import Wishes  # noqa: PLC0415
    from simulators.city.play.stage import Fault  # noqa: PLC0415

    exit_with_parent()
    try:
        faults = frozenset(Fault(name) for name in fault or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    wishes = Wishes(
        on=None if date is None else date.date(),
        speed=speed,
        seed=seed,
        faults=faults,
        endless=endless,
        once_a_day=once_a_day,
    )
    raise SystemExit(asyncio.run(play_morning(wishes)))


@city.command()
def book(
    path: Path,
    rows: Annotated[int, typer.Option(min=1, max=200_000)] = 200,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Write a sample book of subscribers, as messy as real ones, to import into the demo city."""
    from simulators.city.book import write_book  # noqa: PLC0415  # openpyxl loads slowly

    write_book(path, rows=rows, seed=seed)
    typer.echo(str(path))


def main() -> None:
    """Run; what cannot work says one sentence and ends with 1."""
    try:
        app()
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error


main()

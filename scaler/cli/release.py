"""`tidecast release`: revert the values of processes that no longer run."""

from typing import Annotated

import typer

from scaler.cli.options import Format, FormatOption, JsonOption, KubeconfigOption, chosen


def release(
    kubeconfig: KubeconfigOption = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Namespace in which Tidecast runs, with its Lease."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Release even while a leader is running; it may set everything again."),
    ] = False,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Revert every floor and setting that Tidecast has set, if its Lease has expired.

    The owners' values are then in effect.  Right after a crash it waits a moment for a standby to become
    leader.
    """
    from scaler.cli.output import write_rows
    from scaler.controller.changes import Result, WriteResult
    from scaler.knative.connection import Connection
    from scaler.knative.errors import ApiError
    from scaler.knative.lease import wait_for_expiry
    from scaler.knative.sweep import sweep
    from scaler.server.wiring import own_namespace

    form = chosen(output, as_json)
    connection = Connection.open(kubeconfig)
    results: list[WriteResult] = []
    leader = None if force else wait_for_expiry(connection, own_namespace(namespace))
    if leader is None:
        results = sweep(connection)
    else:
        typer.echo(f"{leader} is the leader: nothing is reverted (--force reverts anyway)", err=True)
    columns = ("revision", "result", "message")
    rows = [
        {"revision": str(result.change.key), "result": result.result.value, "message": result.message}
        for result in results
    ]
    write_rows(rows, form, columns=columns)
    reverted = (Result.APPLIED, Result.UNCHANGED, Result.GONE)
    failed = [result for result in results if result.result not in reverted]
    if failed:
        raise ApiError(
            f"{len(failed)} of {len(results)} could not be reverted, the first: {failed[0].message}"
        )

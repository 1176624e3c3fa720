"""`tidecast release`: give back to the owners what nobody answers for."""

from typing import Annotated

import typer

from scaler.cli.options import Format, FormatOption, JsonOption, KubeconfigOption, chosen


def release(
    kubeconfig: KubeconfigOption = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Where Tidecast runs, and so its Lease is."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also while somebody leads, who may set it all again at once."),
    ] = False,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Take back every floor and setting that Tidecast has written, if its Lease has lapsed.

    The owners' values stand afterwards.  Right after a crash it waits a moment for a standby to take over.
    """
    from scaler.cli.output import write_rows
    from scaler.controller.changes import Result, WriteResult
    from scaler.knative.connection import Connection
    from scaler.knative.errors import ApiError
    from scaler.knative.lease import until_abandoned
    from scaler.knative.sweep import sweep
    from scaler.server.wiring import own_namespace

    form = chosen(output, as_json)
    connection = Connection.open(kubeconfig)
    outcomes: list[WriteResult] = []
    leader = None if force else until_abandoned(connection, own_namespace(namespace))
    if leader is None:
        outcomes = sweep(connection)
    else:
        typer.echo(f"{leader} leads: nothing taken back (--force does it all the same)", err=True)
    columns = ("revision", "result", "message")
    rows = [dict(zip(columns, (str(o.order.key), o.result.value, o.message), strict=True)) for o in outcomes]
    write_rows(rows, form, columns=columns)
    kept = [o for o in outcomes if o.result not in (Result.APPLIED, Result.UNCHANGED, Result.GONE)]
    if kept:
        raise ApiError(
            f"{len(kept)} of {len(outcomes)} could not be taken back, the first: {kept[0].message}"
        )

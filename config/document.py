"""From a YAML or JSON file to its keys and values as they are written.

Works on YAML's nodes: each value stays the text that the operator wrote (`010`, `1e3`, `1:30`), every key is
seen, also one that is written twice, and each fault knows its line.
"""

from pathlib import Path

import yaml

from config.problems import ConfigError, problem

_WANTED = "a ConfigMap manifest or a mapping of keys to values"


def read_mapping(path: Path) -> tuple[yaml.MappingNode, list[str]]:
    """The one mapping that a file holds, and the faults of its keys; ConfigError where it holds none."""
    try:
        with path.open("rb") as file:
            documents = [node for node in yaml.compose_all(file, Loader=yaml.SafeLoader) if node]
    except OSError as e:
        raise ConfigError([problem(str(path), e.strerror or str(e), "a file that can be read")]) from e
    except yaml.MarkedYAMLError as e:
        where = (
            f"line {e.problem_mark.line + 1}, column {e.problem_mark.column + 1}: " if e.problem_mark else ""
        )
        raise ConfigError([problem(str(path), f"{where}{e.problem or e.context}", "YAML")]) from e
    except yaml.YAMLError as e:
        raise ConfigError([problem(str(path), str(e).splitlines()[0], "YAML")]) from e
    if len(documents) != 1 or not isinstance(documents[0], yaml.MappingNode):
        held = f"{len(documents)} documents" if len(documents) > 1 else "no mapping" if documents else "empty"
        raise ConfigError([problem(str(path), held, _WANTED)])
    return documents[0], twice(documents[0])


def read_document(path: Path) -> tuple[dict[str, str], list[str]]:
    """Key -> value of a ConfigMap manifest's data or of a bare mapping, and the faults of their form.

    Raises ConfigError where there is nothing to read.
    """
    root, problems = read_mapping(path)
    held = {key.value: value for key, value in root.value}
    if "kind" not in held and "apiVersion" not in held and not isinstance(held.get("data"), yaml.MappingNode):
        return _scalars(root, problems), problems
    kind = text_of(held["kind"]) if "kind" in held else "ConfigMap"
    if kind != "ConfigMap":
        raise ConfigError([*problems, problem("kind", kind, "ConfigMap")])
    data = held.get("data")
    if isinstance(data, yaml.MappingNode):
        problems += twice(data)
        return _scalars(data, problems), problems
    if data is not None and text_of(data):
        problems.append(problem("data", text_of(data), _WANTED))
    return {}, problems


def text_of(node: yaml.Node) -> str:
    """A scalar as it is written; null is empty, what YAML 1.1 reads as a boolean is `true` or `false`."""
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    if node.tag == "tag:yaml.org,2002:null":
        return ""
    if node.tag == "tag:yaml.org,2002:bool":
        return "true" if yaml.SafeLoader.bool_values[node.value.lower()] else "false"
    return str(node.value)


def twice(node: yaml.MappingNode, prefix: str = "") -> list[str]:
    """A fault for each key that a mapping holds again, told with `prefix` before its name."""
    first: dict[str, int] = {}
    problems = []
    for key, value in node.value:
        name = text_of(key)
        if name in first:
            allowed = f"each key once; it stands in line {first[name]} already"
            problems.append(problem(prefix + name, text_of(value), allowed))
        first.setdefault(name, key.start_mark.line + 1)
    return problems


def _scalars(node: yaml.MappingNode, problems: list[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for key, value in node.value:
        if isinstance(value, yaml.ScalarNode):
            read[text_of(key)] = text_of(value)
        else:
            problems.append(problem(text_of(key), text_of(value), "one text; lists are separated by commas"))
    return read

"""Read a YAML or JSON file as keys and values, both exactly as they are written.

The functions work on the nodes of YAML.  So each value is the text that the operator wrote (`010`, `1e3`,
`1:30`), duplicate keys are visible, and each problem can name its line.
"""

from pathlib import Path

import yaml

from config.problems import ConfigError, problem

_ALLOWED = "a ConfigMap manifest or a mapping of keys to values"


def read_mapping(path: Path) -> tuple[yaml.MappingNode, list[str]]:
    """Return the one mapping that a file contains, and the problems of its keys.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not contain exactly one mapping.
    """
    try:
        with path.open("rb") as file:
            documents = [node for node in yaml.compose_all(file, Loader=yaml.SafeLoader) if node]
    except OSError as e:
        raise ConfigError([problem(str(path), e.strerror or str(e), "a file that can be read")]) from e
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError([problem(str(path), f"{position}{e.problem or e.context}", "YAML")]) from e
    except yaml.YAMLError as e:
        raise ConfigError([problem(str(path), str(e).splitlines()[0], "YAML")]) from e
    if len(documents) != 1 or not isinstance(documents[0], yaml.MappingNode):
        found = (
            f"{len(documents)} documents" if len(documents) > 1 else "no mapping" if documents else "empty"
        )
        raise ConfigError([problem(str(path), found, _ALLOWED)])
    return documents[0], duplicate_keys(documents[0])


def read_document(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return key -> value of a file, and the problems of its form; the values are not parsed.

    The file is the manifest of a ConfigMap, of which the data is read, or a bare mapping of keys.

    Raises:
        ConfigError: the file contains no mapping, or the manifest of another kind of object.
    """
    root, problems = read_mapping(path)
    nodes = {key.value: value for key, value in root.value}
    is_manifest = "kind" in nodes or "apiVersion" in nodes or isinstance(nodes.get("data"), yaml.MappingNode)
    if not is_manifest:
        return _scalars(root, problems), problems
    kind = node_text(nodes["kind"]) if "kind" in nodes else "ConfigMap"
    if kind != "ConfigMap":
        raise ConfigError([*problems, problem("kind", kind, "ConfigMap")])
    data = nodes.get("data")
    if isinstance(data, yaml.MappingNode):
        problems += duplicate_keys(data)
        return _scalars(data, problems), problems
    if data is not None and node_text(data):
        problems.append(problem("data", node_text(data), _ALLOWED))
    return {}, problems


def node_text(node: yaml.Node) -> str:
    """Return a scalar as it is written; null is empty, and what YAML 1.1 reads as a boolean is true or false.

    A list or a mapping has no text: it is named as such, for a message.
    """
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    if node.tag == "tag:yaml.org,2002:null":
        return ""
    if node.tag == "tag:yaml.org,2002:bool":
        return "true" if yaml.SafeLoader.bool_values[node.value.lower()] else "false"
    return str(node.value)


def duplicate_keys(node: yaml.MappingNode, prefix: str = "") -> list[str]:
    """Return a problem for each key that a mapping repeats; `prefix` precedes the key in the message."""
    first_lines: dict[str, int] = {}
    problems = []
    for key, value in node.value:
        name = node_text(key)
        if name in first_lines:
            allowed = f"each key once; line {first_lines[name]} already has this key"
            problems.append(problem(prefix + name, node_text(value), allowed))
        first_lines.setdefault(name, key.start_mark.line + 1)
    return problems


def _scalars(node: yaml.MappingNode, problems: list[str]) -> dict[str, str]:
    """Return key -> text of each scalar; append a problem for each value that is a list or a mapping."""
    texts: dict[str, str] = {}
    for key, value in node.value:
        if isinstance(value, yaml.ScalarNode):
            texts[node_text(key)] = node_text(value)
        else:
            allowed = "one text; separate the items of a list by commas"
            problems.append(problem(node_text(key), node_text(value), allowed))
    return texts

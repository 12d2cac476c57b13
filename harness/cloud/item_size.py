"""How many bytes DynamoDB counts for an item.

Source: Amazon DynamoDB developer guide, "DynamoDB item sizes and formats".
"""

import base64
from typing import Any

ELEMENT_BYTES, CONTAINER_BYTES = 1, 3


def item_bytes(item: dict[str, Any]) -> int:
    """Of an item as requests and answers spell it: attribute -> {type: value}; its names count too."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: dict[str, Any]) -> int:
    """Of one attribute's value, without its name."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "B":
            return _binary_bytes(content)
        case "SS":
            return sum(len(one.encode()) for one in content)
        case "NS":
            return sum(_number_bytes(one) for one in content)
        case "BS":
            return sum(_binary_bytes(one) for one in content)
        case "L":
            return CONTAINER_BYTES + sum(ELEMENT_BYTES + value_bytes(one) for one in content)
        case "M":
            return CONTAINER_BYTES + sum(
                ELEMENT_BYTES + len(name.encode()) + value_bytes(one) for name, one in content.items()
            )
        case _:  # NULL and BOOL
            return 1


def _number_bytes(number: str | float) -> int:
    """A byte for every two significant digits, and one more; the page calls this approximate."""
    mantissa = str(number).lower().partition("e")[0].lstrip("+-").replace(".", "")
    return (len(mantissa.strip("0")) + 1) // 2 + 1


def _binary_bytes(content: str | bytes) -> int:
    return len(content) if isinstance(content, bytes) else len(base64.b64decode(content))

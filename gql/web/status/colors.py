"""Contrast of colours, and the nearest one of a colour that can be read on a background (WCAG 2.2, 1.4.3)."""

from domain.errors import StartupError

Color = tuple[int, int, int]
_STEPS = 50


def color_of(text: str) -> Color:
    """Return the color of a text such as `#0057b8`.

    Raises:
        StartupError: it has another form.
    """
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        message = f"INCIDENTQL_PUBLIC_COLOR must be a colour such as #0057b8, not {text[:40]!r}."
        raise StartupError(message) from None
    return red, green, blue


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colours, from 1 for the same to 21 for black on white."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable(color: Color, *, on: Color, least: float) -> str:
    """Return the colour, as much darker or lighter as it takes to have that contrast on a background."""
    end = (0, 0, 0) if _luminance(on) > 0.2 else (255, 255, 255)  # noqa: PLR2004 - where black and white are as good
    for step in range(_STEPS + 1):
        found = _mixed(color, end, step / _STEPS)
        if contrast(found, on) >= least:
            return hex_of(found)
    return hex_of(end)


def hex_of(color: Color) -> str:
    """Return a colour as style sheets write it."""
    return "#" + bytes(color).hex()


def _mixed(color: Color, end: Color, share: float) -> Color:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, end, strict=True))
    return red, green, blue


def _luminance(color: Color) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's own numbers

"""The tool that draws the schedules runs as a person runs it."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

TOOL = Path(__file__).parents[2] / "tools" / "draw_schedules.py"


def test_the_tool_draws_a_small_colourful_picture(tmp_path):
    output = tmp_path / "new" / "schedules.png"
    subprocess.run([sys.executable, str(TOOL), str(output)], check=True, capture_output=True)
    assert output.stat().st_size < 60_000
    with Image.open(output) as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(2**16)) > 100

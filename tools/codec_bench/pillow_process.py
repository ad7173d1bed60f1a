"""Run as a process of its own: one file through Pillow.

python pillow_process.py PICTURE FILE FORMAT OPTIONS    (OPTIONS: those of save(), as JSON)
"""

import json
import sys

from PIL import Image


def main(source: str, target: str, format_name: str, options: str) -> None:
    with Image.open(source) as picture:
        picture.convert("RGB").save(target, format_name, **json.loads(options))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Drives a headless Chromium through its DevTools pipe: real clicks, touches and keys."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--hide-scrollbars", "--mute-audio", "--remote-debugging-pipe"),
)
# Chromium reads commands from descriptor 3 and answers on 4. A program of its own moves them
# there, since forking this process, which may run threads, to do so is not safe.
_LAUNCH = (
    "import os, sys; a, b = int(sys.argv[1]), int(sys.argv[2]);"
    "os.dup2(a, 60); os.dup2(b, 61); os.dup2(60, 3); os.dup2(61, 4);"
    "os.closerange(5, 64); os.execvp(sys.argv[3], sys.argv[3:])"
)


def find_chromium():
    """Path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One page of a browser; use as a context manager."""

    def __init__(self, profile: Path):
        """Starts the browser with `profile` as its folder."""
        read_here, self._write = os.pipe()
        self._read, write_here = os.pipe()
        command = [sys.executable, "-c", _LAUNCH, str(read_here), str(write_here), find_chromium()]
        self._process = subprocess.Popen(
            [*command, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(read_here, write_here),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(read_here)
        os.close(write_here)
        self._buffer, self._count, self._session = b"", 0, None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.send("Page.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session = None
        try:
            self.send("Browser.close")
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def send(self, method, **parameters):
        """Sends one command and returns its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(time.monotonic() + 60)
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _receive(self, deadline):
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            data = os.read(self._read, 1 << 20)
            if not data:
                raise OSError("the browser went away")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, page: Path | str, width: int, height: int = 900, *, dark: bool = False):
        """Shows a file, or an address, in a window of that size once its scripts are through."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=width < 500)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        # Without animations a scrolled page is where it will be at once.
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.send("Emulation.setEmulatedMedia", features=[scheme, still])
        self.send("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        self.wait_for("document.readyState === 'complete' && location.protocol !== 'about:'")

    def wait_for(self, expression, seconds=30):
        """Waits until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.02)

    def run(self, expression):
        """Value of a JavaScript expression."""
        result = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def centre(self, selector, across=0.5, down=0.5):
        """Window coordinates of a place in an element, scrolled into view."""
        return self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect();"
            f"return [b.left + {across} * b.width, b.top + {down} * b.height]; }})()"
        )

    def move(self, x, y, kind="mouseMoved", **more):
        """A mouse event."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector, across=0.5, down=0.5):
        """A click on an element."""
        x, y = self.centre(selector, across, down)
        self.move(x, y)
        self.move(x, y, "mousePressed", button="left", clickCount=1)
        self.move(x, y, "mouseReleased", button="left", clickCount=1)

    def touch(self, kind, *points):
        """A touch event: "touchStart", "touchMove" or "touchEnd"."""
        places = [{"x": x, "y": y} for x, y in points]
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=places)

    def key(self, name, code):
        """One key pressed and released."""
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code
            )

    def choose(self, selector, value):
        """Chooses an option of a <select>."""
        self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            f"e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change')); }})()"
        )

    def give_file(self, selector, path: Path):
        """Chooses a file in an <input type="file">."""
        found = self.send("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        self.send("DOM.setFileInputFiles", objectId=found["result"]["objectId"], files=[str(path)])

    def screenshot(self, path: Path, *, whole: bool = True):
        """PNG of the page or of the window."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

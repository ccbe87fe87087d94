"""What the tests of tessera segment share: a tiny SAM, small data sets, a finished run."""

import os
import pathlib
import subprocess
import tempfile

from pictures import write_png
from program import InFolder, run

WORK = tempfile.TemporaryDirectory()
SAM = pathlib.Path(WORK.name) / "tiny-sam"
SIDE = 48
TRAIN = ["--sam", SAM, "--order", "39ds", "--g-size", 64, "--g-width", 16, "--views", 2, "--batch",
         2, "--epoch-views", 4, "--surrogate-epochs", 1, "--seed", 3, "--threads", 1]


def train_flags(*changes):
    """TRAIN with the values of some flags changed, or flags added."""
    flags = list(TRAIN)
    for flag, value in zip(changes[::2], changes[1::2]):
        if flag in flags:
            flags[flags.index(flag) + 1] = value
        else:
            flags += [flag, value]
    return flags


def setUpModule():
    subprocess.run([os.environ["TESSERA_MAKE_TINY_SAM"], SAM], check=True)


def tearDownModule():
    WORK.cleanup()


def write_pair(images, masks, name, seed, height=SIDE, width=SIDE):
    """A light disc on a dark ground, and where it is as 0 and 255."""
    x0, y0, radius = 14 + seed * 7 % 20, 14 + seed * 5 % 20, 7 + seed % 5
    inside = [[(x - x0) ** 2 + (y - y0) ** 2 < radius ** 2 for x in range(width)]
              for y in range(height)]
    write_png(images / f"{name}.png",
              [[value for x in range(width)
                for value in ((200, 170, 190) if inside[y][x] else (30 + x % 9, 40, 20 + y % 7))]
               for y in range(height)], channels=3)
    write_png(masks / f"{name}.png", [[255 * i for i in row] for row in inside])


def write_set(folder, count=6, first=0):
    images, masks = folder / "images", folder / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    for number in range(first, first + count):
        write_pair(images, masks, f"cell{number}", number)
    return images, masks

class Trained(InFolder):
    """A run of two epochs that the tests of this class look at and do not change."""

    @classmethod
    def setUpClass(cls):
        cls._shared = tempfile.TemporaryDirectory()
        shared = pathlib.Path(cls._shared.name)
        cls.images, cls.masks = write_set(shared / "data")
        cls.run_folder = shared / "run"
        cls.training = run("segment", "train", "--images", cls.images, "--masks", cls.masks, "-o",
                           cls.run_folder, "--epochs", 2, *TRAIN)
        if cls.training.returncode != 0:
            raise AssertionError(cls.training.stderr)

    @classmethod
    def tearDownClass(cls):
        cls._shared.cleanup()

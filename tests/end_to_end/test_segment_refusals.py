"""What tessera segment refuses: bad input, runs that do not fit, wrong flags; and what is legal.

Run as test_segment.py is.
"""

import json
import os
import shutil
import subprocess
import unittest

from pictures import JPEG, write_float_tiff, write_png
from program import InFolder, run
from segment_runs import (  # noqa: F401  setUpModule and tearDownModule are unittest's
    SAM, SIDE, TRAIN, Trained, setUpModule, tearDownModule, train_flags, write_set)


class BadInput(InFolder):
    """Each is refused by train and by check, with file, rule and value, and leaves no trace."""

    def setUp(self):
        super().setUp()
        self.images, self.masks = write_set(self.folder / "data", 3)

    def refuse(self, *parts, arguments=()):
        data = ["--images", self.images, "--masks", self.masks, *arguments]
        self.refuse_command(3, parts, "segment", "train", *data, "-o", self.folder / "run", *TRAIN)
        self.refuse_command(3, parts, "segment", "check", *data, "--sam", SAM)

    def test_image_without_its_mask(self):
        (self.masks / "cell1.png").unlink()
        self.refuse("cell1.png", "mask")

    def test_mask_without_its_image(self):
        (self.images / "cell1.png").unlink()
        self.refuse("cell1.png", "image")

    def test_sizes_that_differ(self):
        write_png(self.masks / "cell1.png", [[0] * 40 for _ in range(SIDE)])
        self.refuse("cell1.png", "40", "48", "size")

    def test_empty_folder(self):
        self.images = self.folder / "nothing"
        self.images.mkdir()
        self.refuse("nothing", "empty folder")

    def test_missing_folder(self):
        self.masks = self.folder / "nowhere"
        self.refuse("nowhere")

    def test_corrupt_png(self):
        data = (self.images / "cell1.png").read_bytes()
        (self.images / "cell1.png").write_bytes(data[:len(data) // 2])
        self.refuse("cell1.png", "PNG")

    def test_corrupt_jpeg(self):
        (self.images / "cell1.png").unlink()
        (self.images / "cell1.jpg").write_bytes(JPEG[:400])
        self.refuse("cell1.jpg", "JPEG")

    def test_coloured_mask(self):
        write_png(self.masks / "cell1.png", [[10, 200, 30] * SIDE for _ in range(SIDE)], channels=3)
        self.refuse("cell1.png", "grey", "RGB 10, 200, 30")

    def test_mask_that_is_a_photograph(self):
        write_png(self.masks / "cell1.png",
                  [[(x * 5 + y * 3) % 256 for x in range(SIDE)] for y in range(SIDE)])
        self.refuse("cell1.png", "black and white or a label map", "255 values")

    def test_masks_that_ask_for_different_rules(self):
        grid = [[(x // 6 + 8 * (y // 6)) % 60 for x in range(SIDE)] for y in range(SIDE)]
        write_png(self.masks / "cell1.png", grid)
        write_png(self.masks / "cell2.png",
                  [[255 if x > 20 else 3 * (x % 2) for x in range(SIDE)] for _ in range(SIDE)])
        self.refuse("--foreground")

    def test_duplicate_stems(self):
        (self.images / "cell1.jpg").write_bytes(JPEG)
        self.refuse("cell1.jpg", "cell1.png")

    def test_nan(self):
        rows = [[float("nan") if x == 5 else 1 for x in range(SIDE)] for _ in range(SIDE)]
        (self.masks / "cell1.png").unlink()
        write_float_tiff(self.masks / "cell1.tif", rows)
        (self.images / "cell2.png").unlink()
        write_float_tiff(self.images / "cell2.tif", rows)
        self.refuse("cell1.tif", "NaN at x 5", "cell2.tif", "float")

    def test_split_file(self):
        split = self.folder / "split.csv"
        split.write_text("id,split\ncell0,train\ncell1,trian\ncell7,val\n")
        self.refuse("split.csv", "trian", "cell7", "cell2", arguments=["--split", split])

    def test_all_findings_at_once(self):
        (self.masks / "cell0.png").unlink()
        write_png(self.masks / "cell1.png", [[0] * 40 for _ in range(SIDE)])
        (self.images / "cell2.png").write_bytes(b"no picture")
        self.refuse("cell0.png", "cell1.png", "cell2.png")

    def test_empty_mask_is_legal(self):
        write_png(self.masks / "cell1.png", [[0] * SIDE for _ in range(SIDE)])
        result = run("segment", "check", "--images", self.images, "--masks", self.masks, "--sam",
                     SAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 empty", result.stdout)
        result = run("segment", "train", "--images", self.images, "--masks", self.masks, "-o",
                     self.folder / "run", "--epochs", 1, *TRAIN)
        self.assertEqual(result.returncode, 0, result.stderr)


class BadRun(Trained):
    def copy_run(self):
        copy = self.folder / "run"
        shutil.copytree(self.run_folder, copy)
        return copy

    def resume(self, folder, *arguments):
        return ["segment", "train", "--images", self.images, "--masks", self.masks, "-o", folder,
                *train_flags(*arguments), "--resume"]

    def refuse_prediction(self, folder, *parts):
        self.refuse_command(3, parts, "segment", "predict", folder, self.images, "-o",
                            self.folder / "out")

    def test_checkpoint_of_another_configuration(self):
        copy = self.copy_run()
        self.refuse_command(3, ["run", "order", "68", "39ds"],
                            *self.resume(copy, "--epochs", 3, "--order", "68"))
        self.refuse_command(3, ["run", "seed"], *self.resume(copy, "--epochs", 3, "--seed", 4))

    def test_checkpoint_of_other_data(self):
        copy = self.copy_run()
        images, masks = write_set(self.folder / "data", 6, first=1)
        self.refuse_command(3, ["run", "images"], "segment", "train", "--images", images,
                            "--masks", masks, "-o", copy, *TRAIN, "--resume", "--epochs", 3)

    def test_checkpoint_of_another_sam(self):
        copy = self.copy_run()
        other = self.folder / "sam"
        subprocess.run([os.environ["TESSERA_MAKE_TINY_SAM"], other, "1"], check=True)
        self.refuse_command(3, ["run", "SAM"], *self.resume(copy, "--epochs", 3, "--sam", other))
        self.refuse_command(3, ["SAM"], "segment", "predict", copy, self.images, "--sam", other,
                            "-o", self.folder / "out")

    def test_config_of_another_shape(self):
        copy = self.copy_run()
        config = (copy / "model" / "config.json").read_text()
        (copy / "model" / "config.json").write_text(config.replace("39ds", "68"))
        self.refuse_prediction(copy, "safetensors")

    def test_config_with_an_unknown_key(self):
        copy = self.copy_run()
        config = json.loads((copy / "model" / "config.json").read_text())
        config["colour"] = 1
        (copy / "model" / "config.json").write_text(json.dumps(config))
        self.refuse_prediction(copy, "config.json", "colour")

    def test_damaged_checkpoint(self):
        copy = self.copy_run()
        weights = copy / "model" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:10_000])
        self.refuse_prediction(copy, "model.safetensors")

    def test_folder_that_is_no_run(self):
        self.refuse_prediction(self.images, "config.json")
        self.refuse_prediction(self.folder / "nowhere", "nowhere")

    def test_nothing_to_resume(self):
        self.refuse_command(3, ["new"], *self.resume(self.folder / "new", "--epochs", 1))


class Usage(InFolder):
    def test_impossible_values(self):
        images, masks = write_set(self.folder / "data", 2)
        for parts, arguments in ((["--epochs", "0"], ["--epochs", 0]),
                                 (["--order", "39"], ["--order", "39"]),
                                 (["--tile", "huge"], ["--tile", "huge"]),
                                 (["foreground", "blue"], ["--foreground", "blue"]),
                                 (["--learning-rate", "nan"], ["--learning-rate", "nan"]),
                                 (["--g-size", "100"], ["--g-size", 100]),
                                 (["--batch", "0"], ["--batch", 0]),
                                 (["--method", "magic"], ["--method", "magic"]),
                                 (["cuda:63"], ["--device", "cuda:63"]),
                                 (["--cache", "--no-cache"], ["--cache", "c", "--no-cache", True])):
            with self.subTest(arguments):
                flags = [value for value in train_flags(*arguments) if value is not True]
                self.refuse_command(2, parts, "segment", "train", "--images", images, "--masks",
                                    masks, "-o", self.folder / "run", *flags)

    def test_missing_flags(self):
        self.refuse_command(2, ["--images"], "segment", "train", "-o", self.folder / "run")
        self.refuse_command(2, ["--output"], "segment", "train", "--images", "a", "--masks", "b")
        self.refuse_command(2, ["RUN"], "segment", "predict")

    def test_commands(self):
        self.refuse_command(2, ["subcommand"], "segment")
        self.refuse_command(2, ["segment paint", "tessera segment --help"], "segment", "paint")

    def test_help_has_examples(self):
        self.assertIn("tessera segment train", run("segment", "--help").stdout)
        for command in ("check", "train", "predict", "evaluate"):
            self.assertIn(f"tessera segment {command} ",
                          run("segment", command, "--help").stdout)

    def test_sam_that_is_not_there(self):
        images, masks = write_set(self.folder / "data", 2)
        self.refuse_command(3, ["no-such-sam"], "segment", "train", "--images", images, "--masks",
                            masks, "-o", self.folder / "run", "--sam", "no-such-sam")


if __name__ == "__main__":
    unittest.main(verbosity=2)

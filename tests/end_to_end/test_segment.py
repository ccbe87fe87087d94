"""tessera segment as its users meet it: train, resume, predict, evaluate; and each bad input.

Run by CTest with TESSERA (the program) and TESSERA_MAKE_TINY_SAM (writes a small random SAM) in the
environment; needs nothing beyond Python's own library. Pictures are 48 pixels wide and SAM is tiny,
so what is learnt does not matter here.
"""

import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from pictures import JPEG, png_size, read_grey_png, write_float_tiff, write_png
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


class Train(Trained):
    def test_run_folder_holds_what_the_help_says(self):
        for name in ("model/model.safetensors", "model/config.json", "checkpoint.safetensors",
                     "settings.json", "command.json", "split.csv", "history.csv", "summary.json",
                     "report.html", "validation", "cache"):
            self.assertTrue((self.run_folder / name).exists(), name)
        summary = json.loads((self.run_folder / "summary.json").read_text())
        self.assertEqual(summary["schema"], "tessera.segmentation_run/1")
        self.assertEqual(summary["epochs"], 2)
        with open(self.run_folder / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["stage"] for row in rows], ["main", "main", "surrogate"])

    def test_first_lines_say_what_was_read(self):
        for part in ("6 in ", "48 x 48", "above:127", "5 train, 1 val", "not Meta's", "cpu",
                     "research"):
            self.assertIn(part, self.training.stdout)

    def test_each_epoch_has_a_line(self):
        epochs = [line for line in self.training.stderr.splitlines() if line.startswith("epoch ")]
        self.assertEqual(len(epochs), 2, self.training.stderr)
        self.assertIn("left", epochs[0])

    def test_report_needs_nothing_from_outside(self):
        page = (self.run_folder / "report.html").read_text()
        self.assertIn("<html", page)
        self.assertEqual(re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page), [])

    def test_resumed_run_equals_an_uninterrupted_one(self):
        out = self.folder / "run"
        code = self.interrupt("epoch 1/2", "segment", "train", "--images", self.images, "--masks",
                              self.masks, "-o", out, "--epochs", 2, *TRAIN)
        self.assertEqual(code, 130)
        result = run("segment", "train", "-o", out, "--resume", "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((out / "model" / "model.safetensors").read_bytes(),
                         (self.run_folder / "model" / "model.safetensors").read_bytes())

    def test_split_file_and_events(self):
        split = self.folder / "split.csv"
        split.write_text("id,split\n" + "".join(
            f"cell{i},{name}\n" for i, name in enumerate(["train"] * 3 + ["val", "test", "test"])))
        result = run("segment", "train", "--images", self.images, "--masks", self.masks, "--split",
                     split, "-o", self.folder / "run", "--epochs", 1, *TRAIN, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        events = [json.loads(line) for line in result.stdout.splitlines()]
        data = next(event for event in events if event["event"] == "data")
        self.assertEqual((data["train"], data["val"], data["test"]), (3, 1, 2))
        self.assertIn("epoch", {event["event"] for event in events})

    def test_interrupt_keeps_the_last_checkpoint(self):
        out = self.folder / "run"
        code = self.interrupt("val Dice", "segment", "train", "--images", self.images, "--masks",
                              self.masks, "-o", out, "--epochs", 500, *TRAIN)
        self.assertEqual(code, 130)
        self.assertTrue((out / "checkpoint.safetensors").exists())
        self.assertFalse((out / "report.html").exists())
        result = run("segment", "predict", out, self.images / "cell0.png", "-o",
                     self.folder / "masks")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_existing_run_is_kept(self):
        before = {path: path.read_bytes() for path in self.run_folder.iterdir() if path.is_file()}
        result = run("segment", "train", "--images", self.images, "--masks", self.masks, "-o",
                     self.run_folder, "--epochs", 1, *TRAIN)
        self.assert_refused(result, 3, "--resume", self.run_folder)
        self.assertEqual({path: path.read_bytes() for path in before}, before)

    def test_settings_from_toml(self):
        (self.folder / "run.toml").write_text(
            f'[segment]\nimages = "{self.images}"\nmasks = "{self.masks}"\n[segment.train]\n'
            f'output = "{self.folder}/run"\nepochs = 1\n[segment.predict]\noverlay = true\n')
        result = run("segment", "train", *TRAIN, "--config", self.folder / "run.toml")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.folder / "run" / "model" / "model.safetensors").exists())

    def test_other_methods(self):
        for method in ("plain-head", "unet"):
            with self.subTest(method):
                out = self.folder / method
                result = run("segment", "train", "--images", self.images, "--masks", self.masks,
                             "-o", out, "--epochs", 1, *TRAIN, "--method", method)
                self.assertEqual(result.returncode, 0, result.stderr)
                result = run("segment", "predict", out, self.images / "cell0.png", "-o",
                             self.folder / f"{method}-masks")
                self.assertEqual(result.returncode, 0, result.stderr)


class Predict(Trained):
    def predict(self, source, *arguments):
        return run("segment", "predict", self.run_folder, source, "-o", self.folder / "out",
                   *arguments)

    def test_one_file_in_its_own_size(self):
        write_pair(self.folder, self.folder, "wide", 1, height=40, width=70)
        result = self.predict(self.folder / "wide.png", "--overlay", "--probability")
        self.assertEqual(result.returncode, 0, result.stderr)
        out = self.folder / "out"
        for name in ("wide.png", "wide_overlay.png", "wide_probability.png"):
            self.assertEqual(png_size(out / name), (70, 40))
        self.assertLessEqual({value for row in read_grey_png(out / "wide.png") for value in row},
                             {0, 255})
        summary = json.loads((out / "summary.json").read_text())
        self.assertEqual(summary["schema"], "tessera.segmentation_prediction/1")
        self.assertEqual(summary["images"][0]["id"], "wide")
        self.assertIn("research", result.stdout)

    def test_folder_with_png_and_jpeg(self):
        source = self.folder / "in"
        source.mkdir()
        shutil.copy(self.images / "cell0.png", source)
        (source / "photo.jpg").write_bytes(JPEG)
        result = self.predict(source)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(path.name for path in (self.folder / "out").glob("*.png")),
                         ["cell0.png", "photo.png"])

    def test_without_sam_and_with_turned_copies(self):
        for flag in ("--fast", "--tta"):
            result = self.predict(self.images / "cell0.png", flag, "--force")
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_output_that_exists(self):
        self.assertEqual(self.predict(self.images / "cell0.png").returncode, 0)
        self.assert_refused(self.predict(self.images / "cell0.png"), 3, "--force")
        self.assertEqual(self.predict(self.images / "cell0.png", "--force").returncode, 0)

    def test_source_is_never_overwritten(self):
        source = self.folder / "in"
        shutil.copytree(self.images, source)
        self.refuse_command(3, ["in", "--force"], "segment", "predict", self.run_folder, source,
                            "-o", source)
        self.refuse_command(3, ["in", ".tessera"], "segment", "predict", self.run_folder, source,
                            "-o", source, "--force")

    def test_interrupt_keeps_the_masks_that_are_finished(self):
        source, out = self.folder / "in", self.folder / "out"
        source.mkdir()
        for number in range(300):
            shutil.copy(self.images / "cell0.png", source / f"{number}.png")
        code = self.interrupt("predict 1/300", "segment", "predict", self.run_folder, source, "-o",
                              out)
        self.assertEqual(code, 130)
        summary = json.loads((out / "summary.json").read_text())
        self.assertEqual(len(summary["images"]), len(list(out.glob("*.png"))))
        self.assertLess(len(summary["images"]), 300)

    def test_image_that_does_not_decode(self):
        source = self.folder / "in"
        shutil.copytree(self.images, source)
        (source / "cell1.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
        (source / "cell2.png").unlink()
        (source / "cell2.jpg").write_bytes(JPEG[:300])
        self.refuse_command(3, ["cell1.png", "cell2.jpg"], "segment", "predict", self.run_folder,
                            source, "-o", self.folder / "out")


class Evaluate(Trained):
    def evaluate(self, *arguments):
        return run("segment", "evaluate", self.run_folder, "--images", self.images, "--masks",
                   self.masks, "-o", self.folder / "out", *arguments)

    def test_scores_of_all_images_with_baselines(self):
        result = self.evaluate("--which", "all", "--baselines")
        self.assertEqual(result.returncode, 0, result.stderr)
        out = self.folder / "out"
        with open(out / "scores.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 6)
        summary = json.loads((out / "summary.json").read_text())
        self.assertEqual(summary["schema"], "tessera.segmentation_evaluation/1")
        self.assertEqual(summary["trained_on"], 5)
        mean = sum(float(row["dice"]) for row in rows) / 6
        self.assertAlmostEqual(summary["scores"]["dice"]["mean"], mean, places=5)
        names = {method["name"] for method in summary["baselines"]}
        self.assertEqual(len(names), 4, names)
        page = (out / "report.html").read_text()
        self.assertEqual(re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page), [])
        for part in ("Dice", "Otsu", "95\u00a0%"):
            self.assertIn(part, page)
        self.assertRegex(result.stdout, r"Dice 0\.\d+")

    def test_validation_images_of_the_run(self):
        result = self.evaluate("--which", "val", "--fast")
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.folder / "out" / "scores.csv", newline="") as file:
            self.assertEqual(len(list(csv.DictReader(file))), 1)

    def test_data_of_the_run_and_images_it_never_saw(self):
        result = run("segment", "evaluate", self.run_folder, "-o", self.folder / "own")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 validation image", result.stdout)
        images, masks = write_set(self.folder / "data", 3, first=4)  # two of them trained on
        result = run("segment", "evaluate", self.run_folder, "--images", images, "--masks", masks,
                     "-o", self.folder / "new")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 test image", result.stdout)

    def test_interrupt_leaves_nothing(self):
        images, masks = self.folder / "images", self.folder / "masks"
        images.mkdir()
        masks.mkdir()
        for number in range(200):
            shutil.copy(self.images / "cell0.png", images / f"{number}.png")
            shutil.copy(self.masks / "cell0.png", masks / f"{number}.png")
        code = self.interrupt("evaluate 1/200", "segment", "evaluate", self.run_folder, "--images",
                              images, "--masks", masks, "--which", "all", "-o", self.folder / "out")
        self.assertEqual(code, 130)
        self.assertEqual(self.names(), ["images", "masks"])

    def test_a_part_without_images(self):
        split = self.folder / "split.csv"
        split.write_text("id,split\n" + "".join(f"cell{i},train\n" for i in range(6)))
        self.refuse_command(3, ["split.csv", "test", "none"], "segment", "evaluate",
                            self.run_folder, "--images", self.images, "--masks", self.masks,
                            "--split", split, "-o", self.folder / "out")


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

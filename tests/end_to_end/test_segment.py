"""tessera segment as its users meet it: train, resume, predict, evaluate.

Run by CTest with TESSERA (the program) and TESSERA_MAKE_TINY_SAM (writes a small random SAM) in the
environment; needs nothing beyond Python's own library. Pictures are 48 pixels wide and SAM is tiny,
so what is learnt does not matter here.
"""

import csv
import json
import re
import shutil
import unittest

from pictures import JPEG, png_size, read_grey_png
from program import run
from segment_runs import (  # noqa: F401  setUpModule and tearDownModule are unittest's
    TRAIN, Trained, setUpModule, tearDownModule, write_pair, write_set)


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


if __name__ == "__main__":
    unittest.main(verbosity=2)

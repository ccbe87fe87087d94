"""The program as its users meet it: films come out, and bad input gets one clear message.

Run by CTest with TESSERA (the program) and TESSERA_SOURCE (the checkout) in the environment; needs
nothing beyond Python's own library. Films are tiny: one or two steps of the shipped model.
"""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import unittest

from program import InFolder, TESSERA, run

MODEL = pathlib.Path(os.environ["TESSERA_SOURCE"]) / "models" / "demo-video"
MANY = ["--size", "64x32", "--frames", "4", "--steps", "500"]
TINY = ["--size", "64x32", "--frames", "4", "--steps", "2"]
PROMPT = "two red circles moving left"


class WithModel(InFolder):
    def copy_model(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        return model

    def weights_of(self, model):
        return next(model.glob("*.safetensors"))


class Films(InFolder):
    def generate(self, *arguments):
        return run("generate", "-p", PROMPT, *TINY, *arguments)

    def test_mp4_has_its_sidecar_and_repeats_from_its_seed(self):
        for name in ("a.mp4", "b.mp4"):
            result = self.generate("-o", self.folder / name, "--seed", 5)
            self.assertEqual(result.returncode, 0, result.stderr)
        a, b = ((self.folder / name).read_bytes() for name in ("a.mp4", "b.mp4"))
        self.assertEqual(a[4:8], b"ftyp")
        self.assertEqual(a, b)
        sidecar = json.loads((self.folder / "a.mp4.json").read_text())
        self.assertEqual(sidecar["schema"], "tessera.generate/1")
        self.assertEqual(sidecar["settings"]["seed"], 5)
        self.assertEqual(sidecar["settings"]["prompt"], PROMPT)
        self.assertEqual(self.names(), ["a.mp4", "a.mp4.json", "b.mp4", "b.mp4.json"])

    def test_png_frames_and_y4m(self):
        self.assertEqual(self.generate("-o", self.folder / "frames").returncode, 0)
        self.assertEqual(len(list((self.folder / "frames").glob("frame_*.png"))), 4)
        self.assertEqual(self.generate("-o", self.folder / "a.y4m").returncode, 0)
        self.assertTrue((self.folder / "a.y4m").read_bytes().startswith(b"YUV4MPEG2 "))

    def test_each_step_tells_time_tiles_and_time_left(self):
        result = self.generate("-o", self.folder / "a.y4m")
        steps = [line for line in result.stderr.splitlines() if " 1/2 " in line or " 2/2 " in line]
        self.assertEqual(len(steps), 2, result.stderr)
        self.assertIn("left", steps[0])
        self.assertRegex(steps[0], r"kept \d+ skipped \d+")

    def test_sidecar_runs_again(self):
        self.generate("-o", self.folder / "a.y4m", "--seed", 9, "--attention", "dense")
        result = run("generate", "--rerun", self.folder / "a.y4m.json", "-o", self.folder / "b.y4m")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / "a.y4m").read_bytes(), (self.folder / "b.y4m").read_bytes())

    def test_token_order_is_recorded_and_runs_again(self):
        order = ["--token-order", "boxes", "--token-box", "2x2x4"]
        self.generate("-o", self.folder / "a.y4m", *order)
        settings = json.loads((self.folder / "a.y4m.json").read_text())["settings"]
        self.assertEqual((settings["token-order"], settings["token-box"]), ("boxes", "2x2x4"))
        result = run("generate", "--rerun", self.folder / "a.y4m.json", "-o", self.folder / "b.y4m")
        self.assertEqual(result.returncode, 0, result.stderr)
        again = json.loads((self.folder / "b.y4m.json").read_text())["settings"]
        self.assertEqual(again, settings)
        self.assertEqual((self.folder / "a.y4m").read_bytes(), (self.folder / "b.y4m").read_bytes())
        self.generate("-o", self.folder / "c.y4m")
        settings = json.loads((self.folder / "c.y4m.json").read_text())["settings"]
        self.assertEqual(settings["token-order"], "hilbert")
        for box in ("2x2", "2x0x4", "2x2x4x", "axbxc"):
            self.refuse_command(2, ["[--token-box]", box], "generate", "-p", PROMPT, *TINY,
                                "--token-box", box, "-o", self.folder / "d.y4m")

    def test_settings_from_toml(self):
        (self.folder / "film.toml").write_text(f'prompt = "{PROMPT}"\nsteps = 1\nframes = 2\nsize = "64x32"\n')
        result = run("generate", "--config", self.folder / "film.toml", "-o", self.folder / "frames")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(list((self.folder / "frames").glob("*.png"))), 2)

    def test_interrupt_keeps_what_was_made(self):
        film = self.folder / "a.y4m"
        code = self.interrupt(" 1/500", "generate", "-p", PROMPT, *MANY, "-o", film)
        self.assertEqual(code, 130)
        self.assertEqual(self.names(), ["a.y4m", "a.y4m.json"])
        self.assertLess(json.loads((self.folder / "a.y4m.json").read_text())["steps_done"], 500)

    def test_names_with_a_colon(self):
        result = run("generate", "-p", PROMPT, *TINY, "-o", "a:b.mp4", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.names(), ["a:b.mp4", "a:b.mp4.json"])

    def test_contact_sheet(self):
        (self.folder / "prompts.txt").write_text("a red circle\n\na blue square\n")
        (self.folder / "sheet.toml").write_text(
            '[contact-sheet]\ncolumns = 3\n[compare]\nbudget = 0.1\n')
        result = run("contact-sheet", "--prompts", self.folder / "prompts.txt", *TINY, "--config",
                     self.folder / "sheet.toml", "-o", self.folder / "sheet.png")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.png_size("sheet.png"), (3 * 66 - 2, 2 * 34 - 2))

    def png_size(self, name):
        return struct.unpack(">II", (self.folder / name).read_bytes()[16:24])

    def test_interrupt_of_contact_sheet_keeps_the_whole_rows(self):
        (self.folder / "prompts.txt").write_text("a red circle\n" * 3)
        code = self.interrupt("2/3 1/40", "contact-sheet", "--prompts",
                              self.folder / "prompts.txt", *TINY, "--steps", 40, "--columns", 2,
                              "-o", self.folder / "sheet.png")
        self.assertEqual(code, 130)
        self.assertEqual(self.names(), ["prompts.txt", "sheet.png"])
        self.assertEqual(self.png_size("sheet.png"), (2 * 66 - 2, 32))

    def test_interrupt_of_compare_keeps_the_dense_film(self):
        out = self.folder / "out"
        code = self.interrupt("lite  1/60", "compare", "-p", PROMPT, *TINY, "--steps", 60, "-o", out)
        self.assertEqual(code, 130)
        self.assertEqual(self.names(), ["out"])
        self.assertFalse((out / "report.json").exists())
        self.assertEqual(len(list((out / "dense").glob("frame_*.png"))), 4)
        settings = json.loads((out / "dense.json").read_text())["settings"]
        self.assertEqual((settings["attention"], settings["steps"]), ("dense", 60))
        self.assertEqual(run("compare", "-p", PROMPT, *TINY, "-o", out, "--force").returncode, 0)
        self.assertTrue((out / "report.json").exists())
        self.assertFalse((out / "dense.json").exists())

    def test_interrupt_before_anything_is_whole_leaves_nothing(self):
        out = self.folder / "out"
        for line_part, *command in ((" 1/500", "compare", "-p", PROMPT, *MANY), (" 1/", "demo")):
            with self.subTest(command[0]):
                self.assertEqual(self.interrupt(line_part, *command, "-o", out), 130)
                self.assertEqual(self.names(), [])

    def test_training_takes_its_output_from_toml(self):
        (self.folder / "run.toml").write_text(f'output = "{self.folder}/run"\nsteps = 1\n'
                                              'batch-scale = 0.001\n')
        result = run("train-demo-video", "--config", self.folder / "run.toml")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.folder / "run" / "model" / "model.safetensors").exists())

    def test_compare_reports_both_runs(self):
        result = run("compare", "-p", PROMPT, *TINY, "-o", self.folder / "out")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads((self.folder / "out" / "report.json").read_text())
        self.assertEqual(report["schema"], "tessera.compare/1")
        self.assertEqual(report["attention"]["token_order"], "hilbert")
        self.assertIn("<html", (self.folder / "out" / "index.html").read_text())
        self.assertEqual(self.names(), ["out"])
        # Replaced by --force as it is, but not once it holds a file of the user's.
        again = ["compare", "-p", PROMPT, *TINY, "--seed", 8, "-o", self.folder / "out"]
        self.refuse_command(3, ["exists", "--force"], *again)
        self.assertEqual(run(*again, "--force").returncode, 0)
        report = json.loads((self.folder / "out" / "report.json").read_text())
        self.assertEqual(report["request"]["seed"], 8)
        self.assertEqual(self.names(), ["out"])
        (self.folder / "out" / "dense" / "thesis.txt").write_text("mine")
        self.refuse_command(3, ["dense/thesis.txt"], *again, "--force")


class BadInput(WithModel):
    def refuse(self, code, *parts, prompt=PROMPT, output="a.y4m", arguments=()):
        self.refuse_command(code, parts, "generate", "-p", prompt, *TINY, "-o",
                            self.folder / output, *arguments)

    def test_model_folder_missing(self):
        self.refuse(3, "no-such-model", arguments=["--model", "no-such-model"])

    def test_model_file_missing(self):
        model = self.copy_model()
        (model / "vocab.txt").unlink()
        self.refuse(3, "vocab.txt", "cannot be opened", arguments=["--model", model])

    def test_config_is_not_json(self):
        model = self.copy_model()
        (model / "config.json").write_text("{")
        self.refuse(3, "config.json", arguments=["--model", model])

    def test_config_with_an_unknown_key(self):
        model = self.copy_model()
        config = json.loads((model / "config.json").read_text())
        config["colour"] = 1
        (model / "config.json").write_text(json.dumps(config))
        self.refuse(3, "config.json", "colour", arguments=["--model", model])

    def test_truncated_weights(self):
        model = self.copy_model()
        weights = self.weights_of(model)
        weights.write_bytes(weights.read_bytes()[:100_000])
        self.refuse(3, weights.name, "lies at bytes", arguments=["--model", model])

    def test_corrupt_weights(self):
        model = self.copy_model()
        weights = self.weights_of(model)
        weights.write_bytes(b"\xff" * 64)
        self.refuse(3, weights.name, "claims", arguments=["--model", model])

    def test_nan_in_weights(self):
        model = self.copy_model()
        weights = self.weights_of(model)
        data = bytearray(weights.read_bytes())
        data[-2:] = b"\xc0\x7f"  # a bf16 NaN
        weights.write_bytes(data)
        self.refuse(3, weights.name, "finite", arguments=["--model", model])

    def test_weights_of_another_shape(self):
        model = self.copy_model()
        config = json.loads((model / "config.json").read_text())
        config["ffn_dim"] += 64
        (model / "config.json").write_text(json.dumps(config))
        self.refuse(3, "ffn", arguments=["--model", model])

    def test_unknown_flag(self):
        self.refuse(2, "--colour", arguments=["--colour", "red"])

    def test_unknown_toml_key(self):
        (self.folder / "film.toml").write_text('prompt = "a red circle"\ncolour = "red"\n')
        self.refuse(2, "film.toml", "colour", arguments=["--config", self.folder / "film.toml"])

    def test_toml_table_of_no_command(self):
        (self.folder / "film.toml").write_text('[generat]\nsteps = 3\n')
        self.refuse(2, "film.toml", "[generat]", "generate, ",
                    arguments=["--config", self.folder / "film.toml"])

    def test_toml_value_that_its_flag_refuses(self):
        for line in ("steps = 0", "steps = 2020-01-01", "seed = [[1]]", "config = 'x'"):
            (self.folder / "film.toml").write_text(line)
            with self.subTest(line):
                self.refuse_command(2, ["film.toml", line.split()[0]], "generate", "--config",
                                    self.folder / "film.toml", "-o", self.folder / "a.y4m")

    def test_toml_missing_or_damaged(self):
        self.refuse(3, "none.toml", arguments=["--config", self.folder / "none.toml"])
        (self.folder / "film.toml").write_text("steps = = 3")
        self.refuse(3, "film.toml", "line 1", arguments=["--config", self.folder / "film.toml"])

    def test_bad_sidecars(self):
        sidecar = self.folder / "old.json"
        good = "tessera.generate/1"
        for content in ("{", "[]", "3", {"schema": 3}, {"schema": None}, {"schema": "other"},
                        {"schema": good}, {"schema": good, "settings": []},
                        {"schema": good, "settings": {"prompt": {}}}):
            sidecar.write_text(content if isinstance(content, str) else json.dumps(content))
            with self.subTest(content):
                self.refuse(3, "old.json", arguments=["--rerun", sidecar])

    def test_impossible_sizes(self):
        for size in ("63x32", "0x32", "64", "99999999x64"):
            self.refuse(2, size.split("x")[0], arguments=["--size", size])

    def test_sizes_that_compare_cannot_judge(self):
        self.refuse_command(2, ["8x8", "11"], "compare", "-p", PROMPT, *TINY, "--size", "8x8", "-o",
                            self.folder / "out")

    def test_compare(self):
        out = self.folder / "out"
        for code, parts, arguments in (
                (2, ["--steps", "0"], ["--steps", 0]),
                (2, ["width", "63"], ["--size", "63x32"]),
                (2, ["1000"], ["--fps", 1e9]),
                (2, ["16384"], ["--size", "512x32", "--upscale", 64]),
                (2, ["cuda"], ["--device", "cuda"]),
                (3, ["no-such-model"], ["--model", "no-such-model"]),
                (3, ["nowhere", "must exist"], ["-o", self.folder / "nowhere" / "out"])):
            with self.subTest(arguments):
                self.refuse_command(code, parts, "compare", "-p", PROMPT, *TINY, "-o", out,
                                    *arguments)

    def test_contact_sheet(self):
        sheet, prompts = self.folder / "sheet.png", self.folder / "prompts.txt"
        prompts.write_text("a red circle\n" + "red " * 40 + "\n")
        (self.folder / "empty.txt").write_text("\n")
        (self.folder / "folder.png").mkdir()
        for code, parts, arguments in (
                (2, ["--columns", "65"], ["--columns", 65]),
                (2, ["16 words", "40"], ["--prompts", prompts]),
                (3, ["empty.txt"], ["--prompts", self.folder / "empty.txt"]),
                (3, ["none.txt"], ["--prompts", self.folder / "none.txt"]),
                (2, [".png", ".jpg"], ["-o", self.folder / "sheet.jpg"]),
                (3, ["folder.png"], ["-o", self.folder / "folder.png"]),
                (3, ["nowhere"], ["-o", self.folder / "nowhere" / "sheet.png"])):
            with self.subTest(arguments):
                self.refuse_command(code, parts, "contact-sheet", *TINY, "-o", sheet, *arguments)
        sheet.write_text("mine")
        self.refuse_command(3, ["exists"], "contact-sheet", *TINY, "-o", sheet)

    def test_training(self):
        out = self.folder / "run"
        for code, parts, arguments in (
                (2, ["--pause-after-minutes", "-1"], ["--pause-after-minutes", -1]),
                (2, ["--learning-rate", "0"], ["--learning-rate", 0]),
                (2, ["--learning-rate", "nan"], ["--learning-rate", "nan"]),
                (2, ["--batch-scale", "inf"], ["--batch-scale", "inf"]),
                (2, ["--batch-scale", "1001"], ["--batch-scale", 1001]),
                (2, ["--seed", "-1"], ["--seed", -1]),
                (2, ["--num-devices", "0"], ["--num-devices", 0]),
                (3, ["checkpoint"], ["--resume"])):
            with self.subTest(arguments):
                self.refuse_command(code, parts, "train-demo-video", "-o", out, "--steps", 1,
                                    *arguments)
        self.refuse_command(2, ["--output"], "train-demo-video", "--steps", 1)

    def test_force_leaves_folders_of_others_alone(self):
        mine = self.folder / "mine"
        mine.mkdir()
        (mine / "index.html").write_text("my page")
        (mine / "report.json").write_text('{"schema": "tessera.compare/1"}')
        (self.folder / "link").symlink_to(mine)
        for output in ("mine", "mine/", "link"):
            for command in (["compare", "-p", PROMPT, *TINY], ["demo"]):
                self.refuse_command(3, [output, ".tessera"], *command, "--force", "-o",
                                    f"{self.folder}/{output}")
            self.refuse(3, "--force", output=output, arguments=["--force"])

    def test_sidecar_exists(self):
        (self.folder / "a.y4m.json").write_text("mine")
        self.refuse(3, "a.y4m.json", "exists", "--force")

    def test_impossible_numbers(self):
        for flag, value in (("--frames", 0), ("--steps", 0), ("--budget", 1), ("--threads", 0),
                            ("--guidance", "nan"), ("--attention", "fast")):
            self.refuse(2, flag.lstrip("-"), arguments=[flag, value])

    def test_output_exists(self):
        (self.folder / "a.y4m").write_text("mine")
        self.refuse(3, "a.y4m", "exists", "--force")

    def test_output_of_an_unknown_kind(self):
        self.refuse(2, ".avi", ".mp4", output="a.avi")

    def test_output_folder_missing(self):
        self.refuse(3, "nowhere", output="nowhere/a.y4m")

    def test_prompt_with_unknown_words_warns_and_lists_the_known_ones(self):
        result = run("generate", "-p", "a red dragon", *TINY, "-o", self.folder / "a.y4m")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("dragon", result.stderr)
        self.assertIn("triangle", result.stderr)

    def test_prompt_too_long(self):
        self.refuse(2, "16", prompt="red " * 40)

    def test_mp4_without_ffmpeg(self):
        program = self.folder / "bin" / "tessera"
        program.parent.mkdir()
        shutil.copy(TESSERA, program)  # without the module beside it
        result = subprocess.run([program, "generate", "--model", MODEL, "-p", PROMPT, *TINY, "-o",
                                 self.folder / "a.mp4"], capture_output=True, text=True, timeout=60)
        self.assert_refused(result, 2, ".mp4", "libtessera_ffmpeg.so", ".y4m")
        self.assertFalse((self.folder / "a.mp4").exists())

    def test_cuda_where_there_is_none(self):
        self.refuse(2, "cuda:63", arguments=["--device", "cuda:63", "--attention", "dense"])

    def test_command_missing_or_unknown(self):
        self.assert_refused(run(), 2, "subcommand")
        self.assert_refused(run("paint"), 2, "paint")


class Doctor(unittest.TestCase):
    def test_reports_the_parts(self):
        result = run("doctor")
        for part in ("processor", "attention back end", "CUDA module", "FFmpeg module", "demo-video"):
            self.assertIn(part, result.stdout)

    def test_version_names_commit_and_torch(self):
        result = run("--version")
        self.assertEqual(result.returncode, 0)
        self.assertIn("torch 2.11", result.stdout)

    def test_help_has_examples(self):
        for command in ("generate", "compare", "demo", "train-demo-video"):
            self.assertIn(f"tessera {command} ", run(command, "--help").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)

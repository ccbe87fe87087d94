"""The program as its users meet it: films come out, and bad input gets one clear message.

Run by CTest with TESSERA (the program) and TESSERA_SOURCE (the checkout) in the environment; needs
nothing beyond Python's own library. Films are tiny: one or two steps of the shipped model.
"""

import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

TESSERA = os.environ["TESSERA"]
MODEL = pathlib.Path(os.environ["TESSERA_SOURCE"]) / "models" / "demo-video"
TINY = ["--size", "64x32", "--frames", "4", "--steps", "2"]
PROMPT = "two red circles moving left"


def run(*arguments, **options):
    return subprocess.run([TESSERA, *map(str, arguments)], capture_output=True, text=True,
                          timeout=300, **options)


class InFolder(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)

    def tearDown(self):
        self._folder.cleanup()

    def assert_refused(self, result, code, *parts):
        """One message on standard error with all the parts in it, and the exit code."""
        self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(str(part), result.stderr)
        lines = [line for line in result.stderr.splitlines() if line.startswith("tessera:")]
        self.assertEqual(len(lines), 1, result.stderr)

    def copy_model(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        return model

    def weights_of(self, model):
        return next(model.glob("*.safetensors"))

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


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

    def test_settings_from_toml(self):
        (self.folder / "film.toml").write_text(f'prompt = "{PROMPT}"\nsteps = 1\nframes = 2\nsize = "64x32"\n')
        result = run("generate", "--config", self.folder / "film.toml", "-o", self.folder / "frames")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(list((self.folder / "frames").glob("*.png"))), 2)

    def test_interrupt_keeps_what_was_made(self):
        film = self.folder / "a.y4m"
        process = subprocess.Popen([TESSERA, "generate", "-p", PROMPT, "-o", film, "--steps", "500"],
                                   stderr=subprocess.PIPE, text=True)
        while "1/500" not in (line := process.stderr.readline()):
            self.assertTrue(line, "the program ended early")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertTrue(film.exists())
        self.assertLess(json.loads((self.folder / "a.y4m.json").read_text())["steps_done"], 500)

    def test_compare_reports_both_runs(self):
        result = run("compare", "-p", PROMPT, *TINY, "-o", self.folder / "out")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads((self.folder / "out" / "report.json").read_text())
        self.assertEqual(report["schema"], "tessera.compare/1")
        self.assertIn("<html", (self.folder / "out" / "index.html").read_text())


class BadInput(InFolder):
    def refuse(self, code, *parts, prompt=PROMPT, output="a.y4m", arguments=()):
        result = run("generate", "-p", prompt, *TINY, "-o", self.folder / output, *arguments)
        self.assert_refused(result, code, *parts)
        self.assertFalse((self.folder / output).exists() and not arguments)
        return result

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
        result = run("generate", "--config", self.folder / "film.toml", "-o", self.folder / "a.y4m")
        self.assert_refused(result, 2, "colour")

    def test_impossible_sizes(self):
        for size in ("63x32", "0x32", "64", "99999999x64"):
            self.refuse(2, size.split("x")[0], arguments=["--size", size])

    def test_impossible_numbers(self):
        for flag, value in (("--frames", 0), ("--steps", 0), ("--threshold", 1), ("--threads", 0),
                            ("--guidance", "nan"), ("--attention", "fast")):
            self.refuse(2, flag.lstrip("-"), arguments=[flag, value])

    def test_output_exists(self):
        (self.folder / "a.y4m").write_text("mine")
        result = run("generate", "-p", PROMPT, *TINY, "-o", self.folder / "a.y4m")
        self.assert_refused(result, 3, "a.y4m", "exists", "--force")
        self.assertEqual((self.folder / "a.y4m").read_text(), "mine")

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
        result = run("generate", "-p", PROMPT, *TINY, "-o", self.folder / "a.y4m", "--device", "cuda:63")
        self.assertIn(result.returncode, (1, 2))
        self.assertIn("cuda:63", result.stderr)

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

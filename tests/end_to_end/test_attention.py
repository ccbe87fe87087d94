"""Tile-skipping attention as users of the program meet it: policies, targets, calibration, bench.

Run as test_program.py is. Films are small: some tens of tiles, a few steps.
"""

import json
import unittest

from program import InFolder, run

SMALL = ["--size", "64x64", "--frames", "16", "--steps", "12"]  # 1,024 tokens: 16 x 16 tiles
TINY = ["--size", "64x32", "--frames", "4", "--steps", "2"]
PROMPT = "two red circles moving left"


class Skipping(InFolder):
    def film(self, name, *arguments):
        """The sidecar of a film made so."""
        result = run("generate", "-p", PROMPT, *SMALL, "-o", self.folder / name, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads((self.folder / f"{name}.json").read_text())

    def skipped(self, sidecar):
        return 1 - sidecar["tiles_kept"] / sidecar["tiles"]

    def test_mass_is_the_default_and_more_budget_skips_more(self):
        little = self.film("a.y4m", "--budget", "0.01")
        much = self.film("b.y4m", "--budget", "0.2")
        self.assertEqual(little["settings"]["policy"], "mass")
        self.assertGreater(self.skipped(much), self.skipped(little))
        self.assertEqual(self.skipped(self.film("c.y4m", "--budget", "0")), 0)

    def test_a_target_is_met_and_runs_again(self):
        sidecar = self.film("a.y4m", "--target-sparsity", "0.2")
        self.assertAlmostEqual(self.skipped(sidecar), 0.2, delta=0.04)  # twelve steps only
        result = run("generate", "--rerun", self.folder / "a.y4m.json", "-o", self.folder / "b.y4m")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / "a.y4m").read_bytes(), (self.folder / "b.y4m").read_bytes())

    def test_shared_state_drops_less_than_states_of_their_own(self):
        own = self.film("a.y4m", "--budget", "0.2")
        shared = self.film("b.y4m", "--budget", "0.2", "--guidance-state", "shared")
        self.assertGreater(self.skipped(shared), 0)
        self.assertLess(self.skipped(shared), self.skipped(own))

    def test_probes_count_as_computed(self):
        plain = self.film("a.y4m", "--budget", "0.2")
        probing = self.film("b.y4m", "--budget", "0.2", "--probe-period", "4")
        self.assertLess(self.skipped(probing), self.skipped(plain))

    def test_calibrate_then_generate(self):
        file = self.folder / "c.json"
        result = run("calibrate", *SMALL, "--prompts", 1, "--target-sparsity", 0.2, "-o", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        table = json.loads(file.read_text())
        self.assertEqual(table["schema"], "tessera.calibration/1")
        self.assertAlmostEqual(table["expected_sparsity"], 0.2, places=2)
        self.assertGreater(self.skipped(self.film("a.y4m", "--calibration", file)), 0.05)
        self.refuse_command(3, ["c.json", "exists"], "calibrate", *SMALL, "-o", file)
        self.refuse_command(2, ["--calibration", "raster"], "generate", "-p", PROMPT, *SMALL, "-o",
                            self.folder / "b.y4m", "--calibration", file, "--token-order", "raster")

    def test_calibration_of_another_model_is_refused(self):
        file = self.folder / "c.json"
        run("calibrate", *SMALL, "--prompts", 1, "--target-sparsity", 0.1, "-o", file)
        table = json.loads(file.read_text())
        file.write_text(json.dumps(table | {"model": "0" * 64}))
        self.refuse_command(2, ["another model", "000"], "generate", "-p", PROMPT, *SMALL, "-o",
                            self.folder / "a.y4m", "--calibration", file)
        file.write_text(json.dumps(table)[:100])
        self.refuse_command(3, ["c.json", "not a calibration"], "generate", "-p", PROMPT, *SMALL,
                            "-o", self.folder / "a.y4m", "--calibration", file)

    def test_flags_that_do_not_go_together(self):
        for parts, arguments in (
                (["--threshold", "max_gap"], ["--threshold", -3]),
                (["mass", "max_gap"], ["--policy", "max_gap", "--budget", 0.1]),
                (["mass", "max_gap"], ["--policy", "max_gap", "--target-sparsity", 0.1]),
                (["--probe-period"], ["--target-recall", 0.9]),
                (["one target"], ["--target-recall", 0.9, "--target-sparsity", 0.3,
                                  "--probe-period", 8]),
                (["3 dB", "either"], ["--guidance-state", "either"]),
                (["3 dB", "one"], ["--guidance-state", "one"]),
                (["--target-sparsity"], ["--target-sparsity", 1]),
                (["--budget", "target"], ["--budget", 0.1, "--target-sparsity", 0.3]),
                (["--budget"], ["--budget", 0.6])):
            with self.subTest(arguments):
                self.refuse_command(2, parts, "generate", "-p", PROMPT, *TINY, "-o",
                                    self.folder / "a.y4m", *arguments)


class Decisions(InFolder):
    ROW = "mass, growing budget, hilbert"

    def decisions(self, *arguments):
        return run("bench", "decisions", *TINY, "-o", self.folder / "out", *arguments)

    def test_goes_on_where_it_was_and_makes_a_table(self):
        result = self.decisions("--prompts", 1, "--row", self.ROW)
        self.assertEqual(result.returncode, 0, result.stderr)
        results = self.folder / "out" / "results.jsonl"
        first = results.read_text()
        self.assertEqual(len(first.splitlines()), 3)
        row = json.loads(first.splitlines()[0])
        self.assertEqual(row["row"], self.ROW)
        self.assertTrue(0.9 < row["recall"] <= 1.000001)
        results.write_text("".join(line + "\n" for line in first.splitlines()[:2]) + first[:9])
        again = self.decisions("--prompts", 1, "--row", self.ROW)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("1/1", again.stderr)
        lines = [json.loads(line) for line in results.read_text().splitlines()]
        self.assertEqual(len(lines), 3)
        for line, was in zip(lines, map(json.loads, first.splitlines())):
            line.pop("seconds"), was.pop("seconds")
            self.assertEqual(line, was)
        self.assertIn(self.ROW, (self.folder / "out" / "table.md").read_text())

    def test_another_study_in_the_folder_is_refused(self):
        self.decisions("--prompts", 1, "--row", self.ROW)
        self.refuse_command(3, ["study.json", "other settings"], "bench", "decisions", *TINY,
                            "--seed", 5, "-o", self.folder / "out")
        self.refuse_command(2, ["--row", "max_gap, alternating, raster"], "bench", "decisions",
                            *TINY, "--row", "something", "-o", self.folder / "new")


if __name__ == "__main__":
    unittest.main()

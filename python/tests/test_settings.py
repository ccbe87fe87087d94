"""Settings that no call could take are refused where they are made, not minutes later."""

import pytest

import tessera


@pytest.mark.parametrize("make, message", [
    (lambda: tessera.Mass(budget=0.7), r"\[Mass\] budget must be in \[0, 0.5\), got: 0.7"),
    (lambda: tessera.Mass(budget=-0.1), r"\[Mass\] budget must be in \[0, 0.5\), got: -0.1"),
    (lambda: tessera.Mass(budget="much"), r"\[Mass\] .*'level'"),
    (lambda: tessera.Mass(growth="x"), r"\[Mass\] growth must be linear or constant, got: x"),
    (lambda: tessera.Mass(estimate="best"),
     r"\[Mass\] estimate must be row_maximum or row_mean, got: best"),
    (lambda: tessera.Mass(probe_period=1),
     r"\[Mass\] probe_period must be 0 \(never\) or at least 2, got: 1"),
    (lambda: tessera.MaxGap(1.0),
     r"\[MaxGap\] threshold must be finite and negative \(natural-log units\), got: 1"),
    (lambda: tessera.MaxGap(float("nan")), r"\[MaxGap\] threshold must be finite"),
])
def test_policies(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


@pytest.mark.parametrize("settings, message", [
    (dict(dense_first_steps=-1), "dense_first_steps must be an integer >= 0, got: -1"),
    (dict(dense_last_steps=0.5), "dense_last_steps must be an integer >= 0, got: 0.5"),
    (dict(q_tile=0), r"q_tile must be in \[1, 4096\], got: 0"),
    (dict(kv_tile=5000), r"kv_tile must be in \[1, 4096\], got: 5000"),
    (dict(token_order=-1), r"token_order must be in \[0, 2147483647\], got: -1"),
    (dict(scale=0.0), r"scale must be in \[1e-30, 1e30\], got: 0"),
    (dict(policy="mass"), "policy must be a tessera.Mass or tessera.MaxGap, got: 'mass'"),
])
def test_a_layers_settings(settings, message):
    with pytest.raises(ValueError, match=rf"^\[LiteAttention\] {message}"):
        tessera.LiteAttention(**settings)


@pytest.mark.parametrize("policy", [tessera.Mass(0.49, "constant", "row_mean", 2),
                                    tessera.Mass(budget=0), tessera.MaxGap(-1e-3, False)])
def test_the_ends_of_the_ranges_are_fine(policy):
    assert tessera.LiteAttention(policy, q_tile=1, kv_tile=4096, scale=1e30).policy is policy

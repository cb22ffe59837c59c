"""Laws of one's own: how they are declared, found and refused."""

import importlib
import sys

import pytest

import scalejax as sj
from scalejax.laws import PublishedSet, find_law, law


class TestDeclaration:
    """Errors name the offender and every one of them."""

    def test_parameter_without_support(self):
        with pytest.raises(sj.LawError, match=r"parameter 'k' needs a support"):

            @law
            def bad(N, *, k, A: sj.Positive):
                return k + A / N

    def test_several_faults_in_one_message(self):
        with pytest.raises(sj.LawError) as raised:

            @law
            def bad(*points, k):
                return k

        assert "'k' needs a support" in str(raised.value)
        assert "*points is not allowed" in str(raised.value)
        assert "no input" in str(raised.value)

    def test_no_parameter(self):
        with pytest.raises(sj.LawError, match="no parameter"):

            @law
            def bad(N):
                return N

    @pytest.mark.parametrize("option", ["linear", "plausible", "bounds", "units"])
    def test_unknown_name(self, option):
        given = ("Q",) if option == "linear" else {"Q": (1.0, 2.0)}
        with pytest.raises(sj.LawError, match=rf"{option}= names 'Q'.*\['A'\]"):

            @law(**{option: given})
            def bad(N, *, A: sj.Positive):
                return A / N

    @pytest.mark.parametrize("option", ["plausible", "bounds"])
    @pytest.mark.parametrize("pair", [(2.0, 1.0), (-1.0, 1.0), (1.0, 1.0)])
    def test_impossible_range(self, option, pair):
        with pytest.raises(sj.LawError, match=rf"{option} range of 'A'"):

            @law(**{option: {"A": pair}})
            def bad(N, *, A: sj.Positive):
                return A / N

    def test_published_set_with_other_parameters(self):
        with pytest.raises(sj.LawError, match="'smith2030'"):

            @law(published=(PublishedSet("smith2030", {"B": 1.0}, source="x", convention="y"),))
            def bad(N, *, A: sj.Positive):
                return A / N

    def test_supports(self):
        @law
        def mixed(x, *, A: sj.Positive, f: sj.UnitInterval, s: sj.Real):
            return A + f * x + s

        found = {name: p.support.name for name, p in mixed.parameters.items()}
        assert found == {"A": "positive", "f": "unit_interval", "s": "real"}


OWN_LAW = '''
import scalejax as sj


@sj.law(linear=("E", "A"), plausible={"alpha": (0.05, 1.5)})
def mine(N, D, *, E: sj.Positive, A: sj.Positive, alpha: sj.Positive):
    """Loss E + A/(N D)^alpha."""
    return E + A * (N * D) ** -alpha


not_a_law = 3
'''


class TestOwnLaws:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "my_laws.py"
        path.write_text(OWN_LAW)
        return path

    def check(self, found):
        assert found.name == "mine"
        assert found.inputs == ("N", "D")
        assert found.about == "Loss E + A/(N D)^alpha."
        assert found(4.0, 4.0, E=1.0, A=2.0, alpha=0.5) == 1.5

    def test_from_a_file(self, file):
        self.check(find_law(f"{file}:mine"))

    def test_from_a_module(self, file, monkeypatch):
        monkeypatch.syspath_prepend(str(file.parent))
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, "my_laws", raising=False)
        self.check(find_law("my_laws:mine"))

    def test_itself(self, file):
        own = find_law(f"{file}:mine")
        assert find_law(own) is own

    @pytest.mark.slow
    def test_fits_like_ours(self, file, golden):
        """A one-term law in N D is a floor and a power of C/6: two ways to the same fit."""
        own = sj.fit(golden, f"{file}:mine", objective=sj.least_squares(), resamples=0)
        ours = sj.fit(golden, "floor_power_C", objective=sj.least_squares(), resamples=0)
        assert own.params["alpha"] == pytest.approx(ours.params["alpha"], rel=1e-8)
        assert own.params["E"] == pytest.approx(ours.params["E"], rel=1e-8)
        expected = ours.params["A"] * 6 ** -ours.params["alpha"]
        assert own.params["A"] == pytest.approx(expected, rel=1e-7)

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("chinchila", "no law named 'chinchila'.*chinchilla"),
            ("no_such_module_xyz:mine", "'no_such_module_xyz' cannot be imported"),
            ("no/such/file.py:mine", "no file 'no/such/file.py'"),
            ("FILE:yours", "'yours'.*no such name"),
            ("FILE:not_a_law", "'not_a_law'.*is not a law"),
            (3, "3 is not a law"),
        ],
    )
    def test_errors_name_the_offender(self, file, name, says):
        if isinstance(name, str):
            name = name.replace("FILE", str(file))
        with pytest.raises(sj.LawError, match=says):
            find_law(name)

    def test_file_that_is_not_python(self, tmp_path):
        path = tmp_path / "broken.py"
        path.write_text("def (:\n")
        with pytest.raises(sj.LawError, match="cannot be imported"):
            find_law(f"{path}:mine")

"""The planner: what it chooses, what it says, what it refuses, and what never holds for any plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corebound.api.errors import PlanError
from corebound.api.plan import Experience, Plan, Pool
from corebound.api.spec import SearchCampaign
from corebound.planning.figures import is_model_based
from corebound.planning.planner import make_plan
from corebound.planning.pools import machine_pool

MakeCampaign = Callable[..., SearchCampaign]


def pool(cores: float = 126.62, **fields: Any) -> Pool:
    return Pool(name="test node", cores=cores, source="made for a test", **fields)


def reason(plan: Plan, choice: str) -> str:
    (text,) = [found.text for found in plan.reasons if found.choice == choice]
    return text


def test_automatic_threads_are_one_and_workers_what_fits(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(trials=1000), pool(126.62))
    assert (plan.threads, plan.workers, plan.waves, plan.nodes) == (1, 126, 8, 1)
    assert reason(plan, "workers") == "126: what fits, limited by cores (126.62 cores / 1 a worker)"
    assert plan.seconds is None
    assert plan.cost is None


def test_never_more_workers_than_trials(make_campaign: MakeCampaign) -> None:
    assert make_plan(make_campaign(trials=3), pool(16)).workers == 3
    plan = make_plan(make_campaign(trials=3, parallelism=50), pool(16))
    assert plan.workers == 3
    assert reason(plan, "workers") == "3: one for each trial (spec.parallelism 50 is more)"


def test_every_choice_has_exactly_one_reason(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(sampler="tpe"), pool(8))
    assert [found.choice for found in plan.reasons] == [
        "pool",
        "threads",
        "workers",
        "waves",
        "rounds",
        "time",
        "cost",
    ]


def test_that_campaigns_share_this_machine_is_said_of_this_machine_alone(make_campaign: MakeCampaign) -> None:
    here = machine_pool(core_ids=(0, 1), cores=2.0, memory_bytes=None)
    assert "campaigns that run at once share it core by core" in reason(make_plan(make_campaign(), here), "pool")
    assert "at once" not in reason(make_plan(make_campaign(), pool(2)), "pool")


def test_memory_and_pods_limit_workers(make_campaign: MakeCampaign) -> None:
    by_memory = make_plan(make_campaign(memory="4Gi"), pool(16, memory_bytes=9 * 2**30))
    assert by_memory.workers == 2
    assert reason(by_memory, "workers") == "2: what fits, limited by memory (9Gi / 4Gi a worker)"
    by_pods = make_plan(make_campaign(), pool(16, pods=5, nodes=2))
    assert by_pods.workers == 10
    assert reason(by_pods, "workers") == "10: what fits, limited by pods (5 pods on each of 2 nodes)"


def test_connections_limit_automatic_workers_and_refuse_asked_ones(make_campaign: MakeCampaign) -> None:
    assert make_plan(make_campaign(), pool(16), connections=7).workers == 3
    with pytest.raises(PlanError, match=r"limited by connections \(7 database connections / 2 a worker\)"):
        make_plan(make_campaign(parallelism=4), pool(16), connections=7)
    with pytest.raises(PlanError, match="Raise max_connections"):
        make_plan(make_campaign(), pool(16), connections=1)


def test_time_and_cost_are_waves_and_node_hours(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(), pool(10, price_per_hour=Decimal("3.60")), trial_seconds=100)
    assert plan.seconds == 1000
    assert plan.cost == Decimal(1)
    assert reason(plan, "time") == "16 min 40 s: 10 waves x 1 min 40 s a trial (as given)"
    assert reason(plan, "cost") == "1.00 USD: 1 node x 16 min 40 s x 3.60 USD an hour"


def test_only_occupied_nodes_are_paid(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(trials=6), pool(4, nodes=10, price_per_hour=Decimal(1)), trial_seconds=3600)
    assert plan.nodes == 2
    assert plan.cost == Decimal(2)


def test_the_seed_investigation_is_refused_with_its_arithmetic(make_campaign: MakeCampaign) -> None:
    with pytest.raises(PlanError) as refused:
        make_plan(make_campaign(threads=64, parallelism=3), pool(126.62))
    text = str(refused.value)
    assert "3 workers x 64 threads = 192 cores" in text
    assert "126.62 usable cores" in text
    assert "holds 64 threads only once" in text
    assert "parallelism: 1 or threads: 42 (42 x 3 = 126)" in text


@pytest.mark.parametrize(
    ("fields", "pool_of", "text"),
    [
        ({"threads": 3}, {"cores": 2.9}, r"spec\.threads is 3, a node .* has 2\.9 usable cores \(2 whole\)"),
        ({"threads": 4096}, {"cores": 128}, r"sizes that fill a node: 128 x1, 64 x2, 42 x3, 32 x4, 25 x5, 21 x6"),
        ({}, {"cores": 0.5}, r"0\.5 usable cores, a worker needs at least 1 whole core"),
        ({"memory": "2Gi"}, {"cores": 4, "memory_bytes": 2**30}, r"memory is 2Gi, test node has 1Gi a node"),
        ({}, {"cores": 4, "pods": 0}, r"accepts 0 pods a node"),
    ],
)
def test_what_cannot_be_is_refused(
    make_campaign: MakeCampaign, fields: dict[str, Any], pool_of: dict[str, Any], text: str
) -> None:
    with pytest.raises(PlanError, match=text):
        make_plan(make_campaign(**fields), pool(**pool_of))


def test_a_quota_in_floating_point_keeps_its_whole_cores(make_campaign: MakeCampaign) -> None:
    assert make_plan(make_campaign(), pool(math.nextafter(3, 0))).workers == 3
    assert make_plan(make_campaign(), pool(2.99)).workers == 2


def test_one_wave_of_a_model_is_warned_about(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(sampler="tpe", trials=100), pool(126), trial_seconds=60)
    assert plan.rounds == 1
    assert plan.warnings[0].startswith("one wave: TPE will see no result before its last sample")
    assert "parallelism: 20 gives 5 rounds" in plan.warnings[0]
    assert [(option.rounds, option.workers, option.waves, option.seconds) for option in plan.options] == [
        (5, 20, 5, 300),
        (10, 10, 10, 600),
    ]


def test_options_with_more_workers_say_whether_they_fit(make_campaign: MakeCampaign) -> None:
    on_two = make_plan(make_campaign(sampler="tpe", trials=24), pool(2)).options
    assert [(option.rounds, option.workers, option.fits) for option in on_two] == [(6, 4, False)]
    cautious = make_plan(make_campaign(sampler="tpe", parallelism=4), pool(126)).options
    assert [(option.rounds, option.workers, option.fits) for option in cautious] == [(5, 20, True), (10, 10, True)]


def test_what_is_left_of_a_campaign_is_planned(make_campaign: MakeCampaign) -> None:
    begun = Experience(closed=97, finished=90, trial_seconds=12.5)
    plan = make_plan(make_campaign(sampler="tpe", trials=100), pool(8, price_per_hour=Decimal(36)), experience=begun)
    assert (plan.workers, plan.waves, plan.seconds, plan.cost) == (3, 1, 12.5, Decimal("0.125"))
    reasons = {reason.choice: reason.text for reason in plan.reasons}
    assert reasons["waves"] == "1: 3 of 100 trials left / 3 workers"
    assert reasons["time"] == "12.5 s: 1 wave x 12.5 s a trial (mean of 90 finished trials of this campaign)"


def test_what_somebody_says_goes_before_what_was_measured(make_campaign: MakeCampaign) -> None:
    measured = Experience(closed=100, finished=1, trial_seconds=12.5)
    plan = make_plan(make_campaign(trials=100), pool(10), trial_seconds=3, experience=measured)
    assert (plan.workers, plan.seconds) == (10, 30)
    assert plan.reasons[-2].text == "30 s: 10 waves x 3 s a trial (as given)"
    again = make_plan(make_campaign(trials=100), pool(10), experience=measured)
    assert again.reasons[-2].text.endswith("12.5 s a trial (mean of the one finished trial of this campaign)")


def test_below_five_rounds_is_warned_about_and_five_is_not(make_campaign: MakeCampaign) -> None:
    (warning,) = make_plan(make_campaign(sampler="gp", parallelism=21), pool(126)).warnings
    assert warning.startswith("4.76 adaptive rounds (100 trials / 21 workers): below 5 GP is hardly better")
    assert make_plan(make_campaign(sampler="gp", parallelism=20), pool(126)).warnings == ()


def test_samplers_without_a_model_have_no_rounds(make_campaign: MakeCampaign) -> None:
    for name in ("random", "grid", "qmc"):
        plan = make_plan(make_campaign(sampler=name, trials=50), pool(50))
        assert (plan.rounds, plan.options, plan.warnings) == (None, (), ())


def test_an_unknown_sampler_is_taken_for_a_model(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(sampler={"entrypoint": "mine:sampler"})
    assert is_model_based(campaign.spec)
    assert make_plan(campaign, pool(200)).warnings[0].startswith("one wave: mine:sampler will see no result")


def test_too_few_trials_for_rounds_say_so(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(sampler="tpe", trials=3, parallelism=1), pool(1))
    assert plan.options == ()
    assert plan.warnings == (
        "3 adaptive rounds (3 trials / 1 worker): below 5 TPE is hardly better than random sampling; "
        "3 trials cannot make 5 rounds, ask for more trials",
    )


def test_idle_cores_are_pointed_out(make_campaign: MakeCampaign) -> None:
    (advice,) = make_plan(make_campaign(trials=12), pool(126)).warnings
    assert advice.startswith("12 trials x 1 thread leave 114 of 126 cores idle: up to threads: 10 would fit at once")


def test_packing_waste_is_pointed_out(make_campaign: MakeCampaign) -> None:
    plan = make_plan(make_campaign(threads=64), pool(126.62))
    assert plan.warnings == ("64 threads on 126.62 cores fit once and leave 62.62 idle: 63 packs twice",)
    assert make_plan(make_campaign(threads=63), pool(126.62)).warnings == ()


def test_a_budget_below_the_cost_is_warned_about(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(budget={"amount": "0.5", "currency": "EUR"})
    paid = pool(10, price_per_hour=Decimal("3.60"), currency="EUR")
    (warning,) = make_plan(campaign, paid, trial_seconds=100).warnings
    assert warning.startswith("the expected cost 1.00 EUR is above the budget of 0.50 EUR")
    assert make_plan(campaign, paid, trial_seconds=10).warnings == ()


campaigns = st.fixed_dictionaries(
    {
        "trials": st.integers(1, 3000),
        "threads": st.one_of(st.just("auto"), st.integers(1, 70)),
        "parallelism": st.one_of(st.just("auto"), st.integers(1, 300)),
        "sampler": st.sampled_from(["tpe", "random", "grid", "qmc", "cmaes", "nsga2"]),
        "memory": st.sampled_from(["128Mi", "1Gi", "30Gi"]),
    }
)
nodes = st.builds(
    pool,
    st.floats(0.1, 200),
    nodes=st.integers(1, 4),
    memory_bytes=st.one_of(st.none(), st.integers(1, 2**40)),
    pods=st.one_of(st.none(), st.integers(0, 300)),
    price_per_hour=st.one_of(st.none(), st.decimals(0, 100, places=2)),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=campaigns, node=nodes, trial_seconds=st.one_of(st.none(), st.floats(0.001, 1e6)))
def test_no_plan_ever_promises_more_than_there_is(
    make_campaign: MakeCampaign, fields: dict[str, Any], node: Pool, trial_seconds: float | None
) -> None:
    campaign = make_campaign(**fields)
    try:
        plan = make_plan(campaign, node, trial_seconds=trial_seconds)
    except PlanError as refused:
        assert len(str(refused)) > 40
        # A refusal of a wholly automatic plan means that not even one worker of one thread has a place.
        if fields["threads"] == "auto" and fields["parallelism"] == "auto":
            assert (
                node.cores < 1
                or (node.memory_bytes is not None and node.memory_bytes < campaign.spec.trial.memory)
                or node.pods == 0
            )
        return
    assert 1 <= plan.workers <= fields["trials"]
    assert plan.threads <= node.cores + 1e-9
    assert plan.nodes <= node.nodes
    per_node = math.ceil(plan.workers / node.nodes)
    assert per_node * plan.threads <= node.cores + 1e-9
    assert node.memory_bytes is None or per_node * campaign.spec.trial.memory <= node.memory_bytes
    assert node.pods is None or per_node <= node.pods
    assert plan.waves * plan.workers >= fields["trials"] > (plan.waves - 1) * plan.workers
    assert fields["threads"] in ("auto", plan.threads)
    assert fields["parallelism"] == "auto" or plan.workers <= fields["parallelism"]
    assert (plan.seconds is None) == (trial_seconds is None)
    assert (plan.cost is None) == (trial_seconds is None or node.price_per_hour is None)
    for option in plan.options:
        assert option.workers != plan.workers
        assert not option.fits or plan.threads * option.workers <= node.nodes * node.cores + 1e-9
        if option.workers < plan.workers:
            assert option.fits
            assert option.waves >= plan.waves
            assert option.seconds is None or plan.seconds is None or option.seconds >= plan.seconds

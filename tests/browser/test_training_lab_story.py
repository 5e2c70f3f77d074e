"""The training lab in JupyterLab: a run driven, turned, planned, guessed, branched by hand."""

import pytest
from lab_page import CELL, MOONS, LabPage
from test_start import shot, wait

pytestmark = pytest.mark.browser


def test_a_run_is_driven_and_every_paint_is_true(page, jupyter):
    lab = LabPage(page, jupyter, "driven", CELL.format(MOONS + ", speed=40"))
    assert lab.ask("lab.trainer.history.knobs") == [], "the sliders' echo turned a knob"
    before = lab.pixels()
    lab.press("Play")
    lab.button("Pause").wait_for()
    wait(lambda: lab.step > 40)
    moving = lab.pixels()
    wait(lambda: lab.step > 80)
    assert (before != moving).any() and (moving != lab.pixels()).any()
    lab.press("Pause")
    lab.button("Play").wait_for()
    lab.until("not lab.runner.running")
    stopped = lab.ask("lab.trainer.step_count")
    assert 80 < stopped < 200
    lab.at_step(stopped)
    assert lab.is_true()
    test = lab.layer("loss", "test")
    steps, losses = (lab.shown()[test[axis]] for axis in "xy")
    for step, loss in list(zip(steps, losses, strict=True))[1:-1]:
        assert lab.has_hue("run", "loss", step, loss), (step, loss)
        assert not lab.has_hue("run", "loss", step, 1.6 * loss)
    sampled = lab.ask(f"[e.test_loss for e in lab.evaluations if e.step == {round(step)}][0]")
    assert loss == pytest.approx(sampled, rel=1e-4)  # frames carry 16 bits a number

    lab.press("One step")
    lab.at_step(stopped + 1)
    numbers = lab.root.locator(".face-heads").inner_text().split()
    assert (
        f"{stopped + 1}" in numbers and f"{lab.ask('lab.trainer.history.loss[-1]'):.3f}" in numbers
    )

    lab.root.get_by_label("speed").select_option("400 steps/s")
    lab.until("lab.speed == 400")
    lab.press("Play")
    lab.at_step(200)  # the planned end
    lab.button("Play").wait_for()
    assert lab.is_true() and not lab.ask("lab.runner.running")
    lab.press("Play")  # as far again
    lab.until("lab.trainer.step_count > 200")
    assert lab.face("face.picture.horizon") == 400
    lab.press("Pause")

    lab.do("lab.go_to(100); lab.set('momentum', 0.5); lab.run(10); lab.set('lr', .3); lab.run(10)")
    lab.press("Back to the last turn")
    lab.at_step(110)
    lab.press("Back to the last turn")
    lab.at_step(100)
    lab.press("Reset to the first step")
    lab.at_step(0)
    assert lab.is_true()


def test_a_story_told_by_hand(page, jupyter):
    """Turn, plan, guess, go back, branch, clip: each gesture reaches the kernel, and is painted."""
    lab = LabPage(page, jupyter, "story", CELL.format(MOONS))
    lab.do("lab.run(60)")
    lab.at_step(60)

    # The present: the handle of α.
    rate = lab.slider("learning rate now")
    box = rate.bounding_box()
    x, y = box["x"] + 12, box["y"] + 12
    under = lab.value("learning rate", y - 14)
    lab.drag((x, y), (x + 3, y - 14))
    lab.until(f"abs(lab.trainer.knobs()['lr'] / {under} - 1) < 0.06")
    page.wait_for_timeout(500)  # no echo of the slider turns it again
    turned = lab.ask("lab.trainer.knobs()['lr']")
    assert 0.5 < turned == pytest.approx(under, rel=0.06)
    turns = lab.ask("lab.trainer.history.knobs")  # those on the way are kept too
    assert turns[-1] == [60, "lr", turned] and {(s, k) for s, k, _ in turns} == {(60, "lr")}
    slider = lab.root.get_by_label("learning rate α as a number")
    assert float(slider.input_value()) == pytest.approx(turned, rel=1e-3)

    # The future: a schedule, followed to the end.
    start, end = lab.at("learning rate", 90, 1.0), lab.at("learning rate", 150, 0.05)
    lab.drag(start, end)
    lab.until("any(k == 'lr' and isinstance(v, dict) for _, k, v in lab.recipe().knobs)")
    plan = lab.face(f"{lab.row('learning rate')}.plot.lane.plan")
    assert plan[-1] == pytest.approx([150, 0.05], rel=0.1)
    wait(lambda: lab.has_line("hand", "learning rate", plan[len(plan) // 2 :: 3]))
    middle = next(point for point in plan if point[0] >= 120)
    assert middle[1] == pytest.approx((1.0 * 0.05) ** 0.5, rel=0.3)

    # A guess.
    a, b = lab.at("loss", 70, 0.3), lab.at("loss", 150, 0.08)
    lab.drag(a, b)
    lab.until("len(lab.guessed.points) > 2")
    assert lab.ask("lab.guessed.points[-1]") == pytest.approx([150, 0.08], rel=0.1)
    wait(lambda: lab.has_line("hand", "loss", lab.face(f"{lab.row('loss')}.plot.lane.plan")[1:]))

    lab.do(f"lab.run({middle[0]} - 60)")
    assert lab.ask("lab.trainer.knobs()['lr']") == pytest.approx(middle[1], rel=0.02)
    lab.do("lab.run(155 - lab.trainer.step_count)")
    lab.at_step(155)
    assert "off by a factor of" in lab.root.locator(".face-said").inner_text()
    assert lab.face(f"{lab.row('loss')}.plot.lane.score").startswith("off by ×")
    assert lab.ask("lab.trainer.knobs()['lr']") == pytest.approx(plan[-1][1], rel=1e-3)
    shot(page, "story")

    # The past: go there, turn, and the old run stays as a branch of another hue.
    page.mouse.click(*lab.at("momentum", 100, 0.5))
    lab.until("lab.trainer.step_count < 155")
    gone = lab.ask("lab.trainer.step_count")
    assert gone == pytest.approx(100, abs=1)
    lab.at_step(gone)
    assert lab.is_true() and lab.ask("len(lab.timeline.branches)") == 1
    beta = lab.slider("momentum now").bounding_box()
    lab.drag((beta["x"] + 12, beta["y"] + 12), (beta["x"] + 12, beta["y"] + 40))
    lab.until("lab.trainer.knobs()['momentum'] < 0.5")
    lab.press("Play")
    lab.until("len(lab.timeline.branches) == 2")
    lab.press("Pause")
    lab.until("not lab.runner.running")
    wait(lambda: lab.layer("loss", "test")["hue"] == "run2")
    hues = lab.face(f"{lab.row('loss')}.plot.layers.map((layer) => layer.hue)")
    assert {"run", "run2"} <= set(hues)
    lab.at_step(lab.ask("lab.trainer.step_count"))
    assert lab.is_true()
    steps, losses = (lab.shown()[lab.layer("loss", "test")[axis]] for axis in "xy")
    assert lab.has_line("run2", "loss", list(zip(steps, losses, strict=True))[2:])
    lab.tab("Branches")
    chips = lab.root.locator(".face-chips:visible button")
    wait(lambda: chips.count() == 2)
    assert any("β" in name and f"at {gone}" in name for name in chips.all_inner_texts())
    assert any("to step 155" in name for name in chips.all_inner_texts())
    shot(page, "branched")
    chips.filter(has_text="to step 155").click()
    lab.at_step(155)

    # The limit: drag the clip line anywhere; it is off before.
    assert lab.ask("lab.trainer.knobs()['clip']") == "off"
    c = lab.ask("lab.trainer.knobs()['threshold']")
    x, y = lab.at("gradient norm", 40, c)
    under = lab.value("gradient norm", y + 20)
    lab.drag((x, y), (x, y + 20))
    lab.until(f"abs(lab.trainer.knobs()['threshold'] / {under} - 1) < 0.06")
    assert lab.ask("lab.trainer.knobs()['clip']") == "norm"

    # The order, and a spike: more knobs.
    lab.tab("More knobs")
    lab.press("after β")
    lab.until("lab.trainer.knobs()['clip_order'] == 'after'")
    spike = lab.root.get_by_label("spike: at step × size")
    spike.fill("170 × 1000")
    spike.press("Enter")
    lab.until("lab.trainer.knobs()['spike']")
    lab.do("lab.run(20)")
    lab.at_step(175)
    norms = lab.ask("lab.trainer.history.grad_norm[-10:].tolist()")
    assert max(norms) > 50 * sorted(norms)[len(norms) // 2]
    replayed = "from course.training.replay import run_recipe, history_digest as digest; "
    assert (
        lab.do(replayed + "print(digest(run_recipe(lab.recipe())) == digest(lab.trainer))")
        == "True"
    )


def test_a_lane_takes_its_plan_back(page, jupyter):
    lab = LabPage(page, jupyter, "back", CELL.format(MOONS))
    lab.drag(lab.at("momentum", 50, 0.5), lab.at("momentum", 150, 0.95))
    planned = "any(k == 'momentum' for _, k, _ in lab.recipe().knobs)"
    lab.until(planned)
    lab.press("clear planned momentum")
    lab.until("not __import__('widgets').training.plans.standing(lab.trainer)")
    assert lab.ask("lab.trainer.knobs()['momentum']") == 0.9
    wait(lambda: lab.face(f"{lab.row('momentum')}.plot.lane.plan") == [])

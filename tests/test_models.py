import pytest
import torch
from benchmarks.tutorial import TutorialNet

from mnist_core.models import Dropout, Net, draw_dropout_from, initialize


def test_the_tutorials_weights_load_and_answer_the_same():
    theirs, ours = TutorialNet().eval(), Net().eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 1, 28, 28)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


def test_net_has_the_tutorials_parameters():
    """10·25+10 + 20·10·25+20 + 320·50+50 + 50·10+10 = 260 + 5,020 + 16,050 + 510 = 21,840."""
    assert sum(p.numel() for p in Net().parameters()) == 21_840
    assert list(Net().state_dict()) == list(TutorialNet().state_dict())


def test_initialize_draws_what_torch_would_draw_from_the_same_seed():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = Net()
    ours = Net()
    initialize(ours, torch.Generator().manual_seed(3))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-7)


def test_initialize_and_dropout_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    net = Net()
    torch.set_rng_state(before)
    generator = torch.Generator().manual_seed(1)
    initialize(net, generator)
    draw_dropout_from(net, generator)
    net.train()(torch.zeros(4, 1, 28, 28))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("whole_channels", [False, True])
def test_dropout_keeps_half_doubles_it_and_is_off_in_evaluation(whole_channels):
    layer = Dropout(whole_channels)
    layer.generator = torch.Generator().manual_seed(0)
    x = torch.ones(200, 20, 4, 4)
    dropped = layer.train()(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert abs(dropped.mean().item() - 1) < 0.1
    one_value_a_channel = dropped.flatten(2).std(2).max().item() == 0
    assert one_value_a_channel is whole_channels
    assert torch.equal(layer.eval()(x), x)


def test_the_answer_is_log_probabilities_over_the_ten_digits():
    out = Net().eval()(torch.randn(3, 1, 28, 28))
    assert out.shape == (3, 10)
    assert torch.allclose(out.exp().sum(1), torch.ones(3))

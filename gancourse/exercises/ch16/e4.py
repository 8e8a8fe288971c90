"""Exercise 16.4: Crisp, and invented."""

import torch

from .. import Exercise, Mistake


def _shares(clear, wrong):
    return (clear & wrong).double().mean().item(), (~clear).double().mean().item()


def _judged(logits, labels, sure):
    probability, read = torch.softmax(logits, dim=1).max(dim=1)
    return probability >= sure, read != labels


def _invented(logits, labels, sure):
    clear, wrong = _judged(logits, labels, sure)
    return _shares(clear, wrong)


def _counted(count):
    """The answer with other shares: clear, wrong -> two numbers."""

    def answer(logits, labels, sure):
        return count(*_judged(logits, labels, sure))

    return answer


def _mean(mask):
    return mask.double().mean().item()


def _invented_across(logits, labels, sure):
    probability, read = torch.softmax(logits, dim=0).max(dim=1)
    return _shares(probability >= sure, read != labels)


def _invented_logits(logits, labels, sure):
    largest, read = logits.max(dim=1)
    return _shares(largest >= sure, read != labels)


def _invented_sigmoid(logits, labels, sure):
    probability, read = torch.sigmoid(logits).max(dim=1)
    return _shares(probability >= sure, read != labels)


def _invented_log(logits, labels, sure):
    probability, read = torch.log_softmax(logits, dim=1).max(dim=1)
    return _shares(probability >= sure, read != labels)


def _invented_true_class(logits, labels, sure):
    probability = torch.softmax(logits, dim=1)
    of_label = probability.gather(1, labels[:, None])[:, 0]
    return _shares(of_label >= sure, probability.argmax(1) != labels)


def _invented_false_class(logits, labels, sure):
    probability = torch.softmax(logits, dim=1)
    of_label = probability.gather(1, labels[:, None])[:, 0]
    return _mean(1 - of_label >= sure), _mean(probability.max(1).values < sure)


def _invented_strictly(logits, labels, sure):
    probability, read = torch.softmax(logits, dim=1).max(dim=1)
    return _shares(probability > sure, read != labels)


def _invented_margin(logits, labels, sure):
    two = torch.softmax(logits, dim=1).topk(2, dim=1)
    return _shares(two.values[:, 0] - two.values[:, 1] >= sure, two.indices[:, 0] != labels)


def _invented_inputs(g):
    cases = []
    for n, k, scale, sure in ((60, 10, 4.0, 0.9), (45, 4, 2.0, 0.6)):
        labels = torch.randint(k, (n,), generator=g)
        logits = scale * torch.randn(n, k, generator=g)
        logits[torch.arange(n), labels] += scale * torch.rand(n, generator=g)
        cases.append((logits, labels, sure))
    logits = torch.randn(12, 3, generator=g)
    logits[torch.arange(8), torch.arange(8) % 3] = 2000.0  # a probability of exactly 1
    labels = torch.tensor([0, 1, 2, 2, 1, 0, 2, 1, 0, 0, 1, 2])
    cases.append((logits, labels, 1.0))
    return cases


# Another way to write a line, no mistake: no answer on the page is the odd one out.
_OTHER_LINE = {"wrong = read != labels": "wrong = labels != read"}

MISTAKES = [
    Mistake(
        _counted(lambda clear, wrong: (_mean(wrong[clear]), _mean(~clear))),
        "You divide the invented ones by the number of pictures that can be read. Asked for is the "
        "share of *all* pictures: else a method that blurs nearly everything is judged by the few "
        "that are left.",
        slip={"(clear & wrong)": "wrong[clear]", **_OTHER_LINE},
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(wrong), _mean(~clear))),
        "You count every picture that is read as something else, the blurred ones among them. A "
        "picture that says nothing invents nothing: only those count that are read surely.",
        slip={"(clear & wrong)": "wrong", **_OTHER_LINE},
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(clear & ~wrong), _mean(~clear))),
        "Your first number is the share that is read surely and *rightly*.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(~clear & wrong), _mean(~clear))),
        "Your first number counts wrong pictures that are *not* read surely. Invented is what is "
        "sure and wrong.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(clear & wrong), _mean(clear))),
        "Your second number is the share that *is* read surely. Asked for are the others.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(clear & wrong), _mean(~clear & wrong))),
        "Your second number leaves out pictures whose unsure guess happens to be right. Unclear is "
        "unclear, whatever the guess.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(clear & wrong), _mean(~clear | wrong))),
        "Your second number counts the invented ones a second time. It is the share that is not "
        "read surely.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(~clear), _mean(clear & wrong))),
        "Right numbers in the wrong order: the invented ones first, then the unclear ones.",
    ),
    Mistake(
        _counted(lambda clear, wrong: ((clear & wrong).sum().item(), (~clear).sum().item())),
        "These are counts. Divide both by the number of pictures.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (100 * _mean(clear & wrong), 100 * _mean(~clear))),
        "These are percentages. Return shares between 0 and 1.",
    ),
    Mistake(
        _counted(lambda clear, wrong: _mean(clear & wrong)),
        "This is the share of invented pictures alone. Return the share of unclear ones as well.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (clear & wrong, ~clear)),
        "You return a verdict for each picture. Return the two shares.",
    ),
    Mistake(
        _counted(lambda clear, wrong: (_mean(wrong), 1 - _mean(wrong))),
        "`sure` has no effect: you have error rate and accuracy. How sure must the classifier be?",
    ),
    Mistake(
        _invented_across,
        "Your softmax runs over the pictures. For each *picture* the probabilities of the classes "
        "add up to 1.",
        slip={"torch.softmax(logits, dim=1)": "torch.softmax(logits, dim=0)", **_OTHER_LINE},
    ),
    Mistake(
        _invented_logits,
        "You hold the largest logit against `sure`, which is a probability.",
        slip={"torch.softmax(logits, dim=1).max(dim=1)": "logits.max(dim=1)", **_OTHER_LINE},
    ),
    Mistake(
        _invented_sigmoid,
        "You take a sigmoid of each logit, as if the classes did not exclude each other. A picture "
        "is one digit: a softmax over the classes.",
    ),
    Mistake(
        _invented_log,
        "You hold the logarithm of a probability against `sure`. It is never above 0.",
    ),
    Mistake(
        _invented_true_class,
        "You ask how probable the *true* class is. An invented picture is one whose *likeliest* "
        "class is sure, and is not the true one.",
    ),
    Mistake(
        _invented_false_class,
        "You ask whether the true class is improbable. Several wrong classes can share what is "
        "left, and then nothing is read surely: look at the likeliest one.",
    ),
    Mistake(
        _invented_strictly,
        "A probability of exactly `sure` counts: read surely is *at least* `sure`.",
    ),
    Mistake(
        _invented_margin,
        "You take the lead over the second class. Asked for is the probability of the first.",
    ),
]

EXERCISE = Exercise(
    "16.4",
    "Crisp, and invented",
    difficulty=1,
    minutes=8,
    reference=_invented,
    inputs=_invented_inputs,
    parts=("The share of invented pictures", "The share of unclear pictures"),
    mistakes=MISTAKES,
)

"""A user's objective with scikit-learn, and without torch."""

import importlib.util

import optuna


def objective(trial: optuna.Trial) -> float:
    """Accuracy of a small forest on data that ships with scikit-learn."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score

    if importlib.util.find_spec("torch") is not None:
        raise RuntimeError("torch is in an image that did not ask for it")
    features, labels = load_digits(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=trial.suggest_int("trees", 5, 20), random_state=0)
    return float(cross_val_score(forest, features, labels, cv=2).mean())

"""A package as a model repository on the Hugging Face Hub, in its owner's name.

But: it makes a new repository each time and never writes into one that is there.
"""

from __future__ import annotations

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from ..errors import ConfigError, DataError

_TAKEN = 409


def publish(files: dict[str, bytes], name: str, token: str) -> str:
    """Create the repository `name` of the token's owner with these files; returns its address.

    Raises ConfigError when they have one of that name, DataError when the Hub refuses or is not
    to be reached.
    """
    hub = HfApi(token=token)
    try:
        created = hub.create_repo(f"{hub.whoami()['name']}/{name}", repo_type="model")
        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        hub.create_commit(created.repo_id, operations, commit_message="From the MNIST lab")
        return str(created)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == _TAKEN:
            raise ConfigError(
                "You have a repository {name} on the Hub already: rename the run, or remove that.",
                name=name,
            ) from error
        reason = (error.server_message or str(error).split("\n")[0])[:200]
        raise DataError("The Hub refused: {reason}", reason=reason) from error
    except Exception as error:  # of whichever HTTP library the client uses
        raise DataError("The Hub cannot be reached: try again later.") from error

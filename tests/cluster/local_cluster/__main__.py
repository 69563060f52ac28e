"""The command line: ``cluster build|up|image|tag|kubectl|helm|down``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local_cluster.commands import ClusterError
from local_cluster.home import HOME_VARIABLE, Home
from local_cluster.images import build_image, load_image, tag_image, whole_name
from local_cluster.lifecycle import build, down, is_up, up

EPILOG = (
    f"Everything it keeps is in the folder that {HOME_VARIABLE} names, ~/.cache/feedfleet-cluster where it is not set."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command. Gives 0, or 1 with the reason on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    home = Home.from_environment()
    try:
        if words[:1] in (["kubectl"], ["helm"]):
            _become(home, *words)
        return _carry_out(home, _parser().parse_args(words))
    except ClusterError as error:
        sys.stderr.write(f"cluster: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster", description="A real Kubernetes on this machine.", epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="compile the binaries and make the base images; minutes once, then cached")
    commands.add_parser("up", help="build, start, wait until ready; prints the kubeconfig's path")
    image = commands.add_parser("image", help="build a Dockerfile and load the image into the node")
    image.add_argument("name", help="like feedfleet:test")
    image.add_argument("folder", type=Path, help="the folder with the Dockerfile")
    tag = commands.add_parser("tag", help="give an image that is in the node another name")
    tag.add_argument("name")
    tag.add_argument("other")
    commands.add_parser("kubectl", help="kubectl against this cluster", add_help=False)
    commands.add_parser("helm", help="helm against this cluster", add_help=False)
    commands.add_parser("down", help="stop every process and pod, and leave nothing behind")
    return parser


def _carry_out(home: Home, chosen: argparse.Namespace) -> int:
    said = ""
    with home.locked():
        match chosen.command:
            case "build":
                build(home)
            case "up":
                build(home)
                up(home)
                said = str(home.kubeconfig)
            case "image":
                _require_up(home)
                build_image(home, chosen.name, chosen.folder.resolve())
                load_image(home, chosen.name)
                said = whole_name(chosen.name)
            case "tag":
                _require_up(home)
                tag_image(home, chosen.name, chosen.other)
                said = whole_name(chosen.other)
            case "down":
                down(home)
    if said:
        sys.stdout.write(f"{said}\n")
    return 0


def _become(home: Home, program: str, *arguments: str) -> None:
    command = [str(home.kube), "kubectl"] if program == "kubectl" else [str(home.helm)]
    if not Path(command[0]).exists():
        raise ClusterError(f"{command[0]} is not built; `cluster build` does it")
    os.execve(command[0], [*command, *arguments], {**os.environ, "KUBECONFIG": str(home.kubeconfig)})


def _require_up(home: Home) -> None:
    if not is_up(home):
        raise ClusterError("it is not up; `cluster up` starts it")


if __name__ == "__main__":
    sys.exit(main())

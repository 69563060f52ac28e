"""Container images, built with buildah and loaded into the node.

No image registry is needed: what a Dockerfile takes from one (``FROM python:3.13-slim``) is answered by images of that
name, made of Debian's packages.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from local_cluster.commands import ClusterError, run
from local_cluster.home import Home

PAUSE = "localhost/pause:1"
PYTHON = "docker.io/library/python:3.13-slim"
PYTHON_SUITE = "trixie"  # the Debian release whose python3 is 3.13
REDIS = "localhost/redis:1"
RECIPE_LABEL = "feedfleet.dev/recipe"

APT_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
# How this machine reaches its package indexes; lent to the RUN steps of Dockerfiles, and not part of their images.
LENT = ("/etc/ssl/certs", "/etc/pip.conf")

PAUSE_PROGRAM = """
#include <signal.h>
#include <unistd.h>

static void quit(int number) { _exit(0); }

int main(void) {
    signal(SIGTERM, quit);
    signal(SIGINT, quit);
    for (;;)
        pause();
}
"""

PYTHON_DOCKERFILE = """
FROM scratch
ADD root /
ENV PATH=/usr/local/bin:/usr/bin:/bin
CMD ["python3"]
"""

REDIS_DOCKERFILE = f"""
FROM {PYTHON}
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends redis-server \\
 && rm -rf /var/lib/apt/lists /var/cache/apt
CMD ["redis-server", "--protected-mode", "no"]
"""


def build_base_images(home: Home) -> None:
    """Make the images that every cluster has, where they are not there yet, or were made in another way.

    Raises:
        ClusterError: Debian's packages cannot be had.
    """
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    for image, make in ((PAUSE, _make_pause), (PYTHON, _make_python), (REDIS, _make_redis)):
        filters = (f"--filter=reference={image}", f"--filter=label={RECIPE_LABEL}={recipe}")
        if not run(*_buildah(home), "images", "--quiet", *filters).strip():
            with tempfile.TemporaryDirectory(dir=home.folder) as folder:
                make(Path(folder))
                build_image(home, image, Path(folder), {RECIPE_LABEL: recipe})


def build_image(home: Home, name: str, folder: Path, labels: Mapping[str, str] = MappingProxyType({})) -> str:
    """Build ``folder``'s Dockerfile and give the image's id, 64 hexadecimal digits.

    Raises:
        ClusterError: the build failed.
    """
    lent = [f"--volume={path}:{path}:ro" for path in LENT if Path(path).exists()]
    labelled = [f"--label={label}={value}" for label, value in labels.items()]
    # Isolation by chroot works where this machine is itself a container.
    options = ("--isolation=chroot", "--network=host", "--pull-never", "--layers", *lent, *labelled)
    run(*_buildah(home), "build", *options, f"--tag={whole_name(name)}", folder)
    return run(*_buildah(home), "images", "--quiet", "--no-trunc", whole_name(name)).strip().removeprefix("sha256:")


def load_image(home: Home, name: str) -> None:
    """Put a built image into the node, where pods with another imagePullPolicy than Always find it."""
    whole = whole_name(name)
    with tempfile.TemporaryDirectory(dir=home.run) as folder:
        archive = Path(folder) / "image.tar"
        run(*_buildah(home), "push", "--quiet", whole, f"docker-archive:{archive}:{whole}")
        run(*containers(home), "images", "import", archive)


def tag_image(home: Home, name: str, other: str) -> None:
    """Give an image that is in the node another name too."""
    run(*containers(home), "images", "tag", "--force", whole_name(name), whole_name(other))


def has_image(home: Home, name: str) -> bool:
    """Whether the node has an image."""
    return whole_name(name) in run(*containers(home), "images", "ls", "--quiet").split()


def whole_name(name: str) -> str:
    """An image's name as the container runtime knows it: ``feedfleet:1`` is ``docker.io/library/feedfleet:1``."""
    return name if "/" in name else f"docker.io/library/{name}"


def containers(home: Home) -> tuple[str, ...]:
    """The command that talks to the node's containerd."""
    return ("ctr", "--address", str(home.containerd_socket), "--namespace", "k8s.io")


def _buildah(home: Home) -> tuple[str, ...]:
    return (
        "buildah",
        "--storage-driver=overlay",
        f"--root={home.folder}/buildah",
        f"--runroot={home.run}/buildah",
    )


def _make_pause(folder: Path) -> None:
    (folder / "pause.c").write_text(PAUSE_PROGRAM)
    run("gcc", "-static", "-O1", "-o", folder / "pause", folder / "pause.c")
    (folder / "Dockerfile").write_text('FROM scratch\nADD pause /pause\nENTRYPOINT ["/pause"]\n')


def _make_python(folder: Path) -> None:
    root = folder / "root"
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates,passwd"
    run("debootstrap", "--variant=minbase", packages, PYTHON_SUITE, root, _mirror())
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for unused in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
        shutil.rmtree(root / unused, ignore_errors=True)
    # Debian marks its Python as managed by apt; the image this stands in for does not.
    for mark in (root / "usr/lib").glob("python3.*/EXTERNALLY-MANAGED"):
        mark.unlink()
    (folder / "Dockerfile").write_text(PYTHON_DOCKERFILE)


def _make_redis(folder: Path) -> None:
    (folder / "Dockerfile").write_text(REDIS_DOCKERFILE)


def _mirror() -> str:
    """The Debian archive that this machine's apt uses."""
    for path in APT_SOURCES:
        if path.exists():
            found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?) (\S+)", path.read_text(), re.MULTILINE)
            if found:
                return found[1]
    names = ", ".join(map(str, APT_SOURCES))
    raise ClusterError(f"no Debian archive is named in {names}; an image of Debian's Python cannot be made")

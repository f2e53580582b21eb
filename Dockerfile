# Builds the appliance: `./build.sh docker` calls it. The first packages are those that Buildroot asks for, then those of the
# quick build, then those of build.sh itself.
FROM debian:12

RUN apt-get update && apt-get install -y --no-install-recommends \
    bc binutils bison build-essential bzip2 ca-certificates cpio fdisk file flex git gzip mtools patch perl python3 rsync \
    tar unzip wget xz-utils zstd \
    apt-utils dpkg \
    curl

# The sources are mounted, and belong to somebody else.
RUN git config --system --add safe.directory /frontloader

WORKDIR /frontloader
ENTRYPOINT ["./build.sh"]

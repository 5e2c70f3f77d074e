"""What interrupts a run at scale, and how often: a published count.

    MTBF = hours · devices then / (interruptions · devices now)

MTBF is the mean time between failures. Every device fails on its own, so twice as many fail twice
as often.

Source: Grattafiori et al. (2024), *The Llama 3 Herd of Models*, table 5: 54 days on 16,384 GPUs. It
prints the share of the first row as 30.1 %, where the counts give 35.3 %.
"""

from ..errors import check_count

DEVICES, DAYS = 16_384, 54  # that the table counts
MOST_DEVICES = 10**8

INTERRUPTIONS = {  # unexpected ones by their cause
    "Faulty GPU": 148, "GPU HBM3 memory": 72, "Software bug": 54, "Network switch or cable": 35,
    "Host maintenance": 32, "GPU SRAM memory": 19, "GPU system processor": 17, "NIC": 7,
    "NCCL watchdog timeouts": 7, "Silent data corruption": 6, "GPU thermal interface, sensor": 6,
    "SSD": 3, "Power supply": 3, "Server chassis": 2, "IO expansion board": 2, "Dependency": 2,
    "CPU": 2, "System memory": 2,
}  # fmt: skip


def mean_time_between_failures(devices: int = DEVICES) -> float:
    """Return the minutes from one failure to the next on so many devices, on average.

    Args:
        devices: 1 to 10⁸, each as reliable as those of the table.

    Raises:
        CourseError: for a number out of range.
    """
    devices = check_count("devices", devices, 1, MOST_DEVICES, "how many work together")
    return DAYS * 24 * 60 * DEVICES / (sum(INTERRUPTIONS.values()) * devices)

import numpy as np

from netcli.report.picture import as_bytes, blocks, shades


def test_floats_are_stretched():
    np.testing.assert_array_equal(as_bytes(np.array([[[-1.0, 0.0, 1.0]]])), [[[0, 127, 255]]])
    np.testing.assert_array_equal(as_bytes(np.full((1, 2, 2), 0.5)), np.zeros((1, 2, 2)))
    assert as_bytes(np.zeros((5, 2, 2), np.uint8)).shape == (1, 2, 2)


def test_blocks_hold_two_rows_in_red_green_blue():
    pixels = np.zeros((3, 3, 1), np.uint8)
    pixels[:, 0, 0], pixels[:, 1, 0], pixels[:, 2, 0] = (1, 2, 3), (4, 5, 6), (7, 8, 9)
    assert blocks(pixels, 80).splitlines() == [
        "\x1b[38;2;3;2;1;48;2;6;5;4m▀\x1b[0m",
        "\x1b[38;2;9;8;7;48;2;0;0;0m▀\x1b[0m",
    ]


def test_wide_images_are_shrunk_to_the_width():
    pixels = np.zeros((1, 100, 400), np.uint8)
    lines = blocks(pixels, 40).splitlines()
    assert len(lines) == 5
    assert all(line.count("▀") == 40 for line in lines)


def test_shades_go_from_dark_to_bright():
    ramp = np.repeat(np.linspace(0, 255, 10).astype(np.uint8)[None, None], 2, axis=1)
    assert shades(ramp, 80) == " .:-=+*#%@"

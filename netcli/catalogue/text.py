"""NC001 to NC099: files, prototxt text, and upgrades of old formats."""

from __future__ import annotations

from netcli.catalogue.entry import DATA, IP, LABEL, SOLVER, TRAINABLE, Entry, Example, net, solver

ENTRIES: dict[str, Entry] = {
    "NC001": Entry(
        "file not found",
        "Nothing is at the path, nor at any other place where a path in a prototxt is looked for.",
        "Correct the path; the message lists every place that was tried.",
        solver(SOLVER.replace("net.prototxt", "no_such_net.prototxt")),
    ),
    "NC002": Entry(
        "not a readable file",
        "The path leads to a folder, or the system does not let the file be read.",
        "Name a file, and see that you may read it.",
        Example({"models/readme.txt": "no prototxt\n"}, "show models"),
    ),
    "NC003": Entry(
        "an empty file",
        "The file has no content, as after an interrupted copy.",
        "Restore the file.",
        net(""),
    ),
    "NC004": Entry(
        "not UTF-8 text",
        "A prototxt is text. This is binary, such as a .caffemodel, or text in another encoding.",
        "Name the prototxt, or save the file as UTF-8.",
        Example({"net.prototxt": b"\xff\xfel\x00a\x00y\x00e\x00r\x00"}, "check net.prototxt"),
    ),
    "NC005": Entry(
        "a quoted text that does not end, or an unknown escape sequence in it",
        "A text in quotes ends on the line on which it begins.",
        "Add the closing quote; write a backslash as two.",
        net('name: "LeNet\n' + DATA),
    ),
    "NC006": Entry(
        "a missing closing brace or bracket",
        "Something was opened and the text ends, or goes on with what cannot stand inside.",
        "Close it; the message names the line on which it was opened, judged by the indentation.",
        net('layer {\n  name: "data"\n  type: "Input"\n  top: "data"\n  input_param {\n    shape { dim: 1 }\n  }\n'),
    ),
    "NC007": Entry(
        "a closing brace too many, or of the wrong kind",
        "A brace or bracket closes nothing, or another kind than was opened.",
        "Remove it, or see where one is missing before.",
        net(DATA + "}\n"),
    ),
    "NC008": Entry(
        "something that is no field",
        "Where a field's name should stand, stands something else.",
        "Write fields as name: value, or name { ... }.",
        net(DATA + "42\n"),
    ),
    "NC009": Entry(
        "a field without a value, or without its colon",
        "Between a field's name and its value stands a colon; only { ... } needs none.",
        "Add what is missing.",
        net('name "LeNet"\n' + DATA),
    ),
    "NC010": Entry(
        "nested too deeply",
        "No net nests so deep; such a file is damaged, or made to do harm.",
        "Look at the braces at the place that is named.",
        net("x { " * 200, "NC006", "NC012"),
    ),
    "NC011": Entry(
        "more errors than are shown",
        "After so many errors the rest would most likely follow from them.",
        "Mend the first ones and check again.",
        net("x: 1\n" * 150, "NC012"),
    ),
    "NC012": Entry(
        "unknown field",
        "The message that it stands in has no such field.",
        "Take the name that is proposed; `netcli layers TYPE` lists what a layer reads.",
        net(
            DATA + 'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param '
            "{ num_outputs: 4 num_output: 4 } }\n"
        ),
    ),
    "NC013": Entry(
        "a value of the wrong type",
        "The field takes a number, a text, a word or a message, and got another of these.",
        "Write what is expected; texts stand in quotes, numbers and words do not.",
        net(DATA + IP.replace("num_output: 4", 'num_output: "4"')),
    ),
    "NC014": Entry(
        "a number out of the field's range",
        "The number does not fit the field's type, such as a negative count.",
        "Write a number in the range that is named.",
        net(DATA + IP.replace("num_output: 4", "num_output: -4")),
    ),
    "NC015": Entry(
        "unknown value of an enumeration",
        "The field takes one of a few words.",
        "Take one of those that are listed.",
        net(
            DATA + 'layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param '
            "{ pool: MAXIMUM kernel_size: 2 } }\n"
        ),
    ),
    "NC016": Entry(
        "a field given twice that can only have one value",
        "Caffe's parser refuses it too.",
        "Remove one of them; the message names both places.",
        net('name: "a" name: "b"\n' + DATA),
    ),
    "NC017": Entry(
        "a field that must be given is missing",
        "The message cannot be without this field.",
        "Add it.",
        net(DATA + 'layer { name: "clip" type: "Clip" bottom: "data" top: "clip" clip_param { min: 0 } }\n'),
    ),
    "NC018": Entry(
        "a field of another fork of Caffe",
        "The field means something in the fork that is named, and nothing here.",
        "Remove it, or see docs/layers.md for what does the same.",
        net(
            DATA + 'layer { name: "relu" type: "ReLU" bottom: "data" top: "relu" roi_pooling_param { pooled_h: 7 } }\n'
        ),
    ),
    "NC019": Entry(
        "a net where a solver is expected, or the other way round",
        "`train` takes a solver, which names its net.",
        "Name the other file.",
        Example({"net.prototxt": TRAINABLE}, "train net.prototxt"),
    ),
    "NC020": Entry(
        "a solver must name exactly one net to train",
        "One of net, net_param, train_net and train_net_param says what to train.",
        'Add net: "...", or remove all but one.',
        solver('base_lr: 0.1 lr_policy: "fixed" max_iter: 2\n'),
    ),
    "NC021": Entry(
        "the solver's test nets, test_iter, test_state and test_interval do not fit together",
        "Each test net needs its test_iter, and its test_state if there are any.",
        "Give as many of each as there are test nets.",
        solver(SOLVER + "test_iter: 1 test_interval: 1 test_state { } test_state { }\n", TRAINABLE),
    ),
    "NC022": Entry(
        "a layer with both include and exclude rules",
        "A layer is told either where it is or where it is not.",
        "Keep one kind.",
        net(DATA + IP.replace('top: "ip"', 'top: "ip" include { phase: TRAIN } exclude { phase: TEST }')),
    ),
    "NC050": Entry(
        "upgraded from V0 (layers { layer { } })",
        "The oldest form of nets, read as Caffe reads it.",
        "Nothing must be done; `netcli upgrade` writes the present form.",
        net(
            'layers { layer { name: "data" type: "data" source: "nowhere" batchsize: 2 } top: "data" top: "label" }\n'
            'layers { layer { name: "ip" type: "innerproduct" num_output: 2 } bottom: "data" top: "ip" }\n'
            'layers { layer { name: "loss" type: "softmax_loss" } bottom: "ip" bottom: "label" }\n',
            "NC130",
        ),
    ),
    "NC051": Entry(
        "upgraded from V1 (layers { })",
        "The form of nets of 2014, read as Caffe reads it.",
        "Nothing must be done; `netcli upgrade` writes the present form.",
        net(
            'layers { name: "data" type: DUMMY_DATA top: "data" '
            "dummy_data_param { num: 2 channels: 3 height: 8 width: 8 } }\n"
        ),
    ),
    "NC052": Entry(
        "transform fields moved from a data parameter to transform_param",
        "scale, mean_file, crop_size and mirror once stood in data_param.",
        "Nothing must be done; `netcli upgrade` writes the present form.",
        net(
            'layers { name: "data" type: IMAGE_DATA top: "data" top: "label" image_data_param '
            '{ source: "list.txt" batch_size: 2 new_height: 8 new_width: 8 scale: 0.5 } }\n',
            "NC051",
        ),
    ),
    "NC053": Entry(
        "input fields became an Input layer",
        "input and input_dim at the head of a net are the old form of an Input layer.",
        "Nothing must be done; `netcli upgrade` writes the present form.",
        net('input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'),
    ),
    "NC054": Entry(
        "BatchNorm's three params set to lr_mult 0 and decay_mult 0",
        "BatchNorm keeps running sums, which a solver must not change.",
        "Nothing must be done; remove the param entries if you like.",
        net(
            DATA + 'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" param { lr_mult: 1 } '
            "param { lr_mult: 1 } param { lr_mult: 1 } }\n"
            'layer { name: "scale" type: "Scale" bottom: "bn" top: "bn" }\n'
        ),
    ),
    "NC055": Entry(
        "solver_type became type",
        "The old form names the solver by an enumeration.",
        "Nothing must be done; `netcli upgrade` writes the present form.",
        solver(SOLVER + "solver_type: NESTEROV momentum: 0.9\n", TRAINABLE),
    ),
    "NC056": Entry(
        "a V0 field that its layer's type does not have",
        "In V0 all types shared their fields; this one means nothing for this type.",
        "Remove it.",
        net(
            'input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'
            'layers { layer { name: "ip" type: "innerproduct" num_output: 2 stride: 3 } bottom: "data" top: "ip" }\n',
            "NC050",
            "NC053",
        ),
    ),
    "NC057": Entry(
        "both layer and layers in one net",
        "layer is the present form and layers the old one; Caffe reads one of them.",
        "Use one of them; `netcli upgrade` turns layers into layer.",
        net(DATA + 'layers { name: "relu" type: RELU bottom: "data" top: "relu" }\n'),
    ),
    "NC058": Entry(
        "transform fields where Caffe ignores them",
        "Where there is a transform_param, the old fields beside it have no effect.",
        "Remove them, or move them to transform_param.",
        net(
            'layer { name: "data" type: "ImageData" top: "data" top: "label" transform_param { mirror: true } '
            'image_data_param { source: "list.txt" batch_size: 2 new_height: 8 new_width: 8 scale: 0.5 } }\n'
        ),
    ),
    "NC059": Entry(
        "net inputs and their shapes do not fit together",
        "Each input needs four input_dim, or one input_shape.",
        "Give each its shape; better, use an Input layer.",
        net('input: "data" input_dim: 2 input_dim: 3\n' + LABEL),
    ),
    "NC060": Entry(
        "unknown layer type of an old format",
        "V0 has fewer types, in small letters.",
        "Take the type that is proposed, or write the layer in the present form.",
        net(
            'input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'
            'layers { layer { name: "ip" type: "inner" num_output: 2 } bottom: "data" top: "ip" }\n'
        ),
    ),
    "NC061": Entry(
        "a V0 padding layer that cannot be merged",
        "The upgrade puts padding into the convolution or pooling that reads it; this layer is another.",
        "Remove the padding layer, or put a convolution behind it.",
        net(
            'input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'
            'layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "pad" }\n'
            'layers { layer { name: "relu" type: "relu" } bottom: "pad" top: "relu" }\n'
        ),
    ),
    "NC062": Entry(
        "both type and solver_type",
        "solver_type is the old form of type.",
        "Remove solver_type.",
        solver(SOLVER + 'type: "SGD" solver_type: SGD\n', TRAINABLE),
    ),
}

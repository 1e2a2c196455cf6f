"""Old nets and solvers brought to today's form, in memory, each change told in a note.

The order is Caffe's: V0 to V1, transform fields, V1 to today's layers, input fields, BatchNorm's params.
"""

from __future__ import annotations

from netcli.errors import ConfigError, Finding, Place
from netcli.prototxt import upgrade_v0, upgrade_v1
from netcli.prototxt.nodes import Node, SourceText
from netcli.schema import caffe_pb2 as pb

_MODERN_DATA_PARAMS = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}

_SOLVER_TYPES = {
    "SGD": "SGD",
    "NESTEROV": "Nesterov",
    "ADAGRAD": "AdaGrad",
    "RMSPROP": "RMSProp",
    "ADADELTA": "AdaDelta",
    "ADAM": "Adam",
}


def upgrade_net(
    param: pb.NetParameter, node: Node | None, file: str | None
) -> tuple[pb.NetParameter, Node | None, list[Finding]]:
    """A net in today's form.

    Args:
        param: Any net, from text or binary; it is not changed.
        node: Its positions, if it comes from text.
        file: The file it comes from, for notes without a position.

    Returns:
        ``param`` and ``node`` themselves if nothing is old, else new ones, aligned; and the notes and warnings.

    Raises:
        ConfigError: NC057, NC059, NC060, NC061: an old form that cannot be brought over.
    """
    old_layers = bool(param.layers)
    batch_norms = [layer for layer in param.layer if _has_old_params(layer)]
    if not (old_layers or batch_norms or param.input or param.input_dim or param.input_shape):
        return param, node, _ignored_transform_fields(param, node)
    work = _NetUpgrade(param, node, file)
    if old_layers:
        work.upgrade_layers()
    work.upgrade_inputs()
    work.upgrade_batch_norms()
    errors = [finding for finding in work.notices if finding.severity == "error"]
    if errors:
        raise ConfigError(errors)
    new_node = None if node is None else work.node
    if not old_layers:
        work.notices += _ignored_transform_fields(work.param, new_node)
    return work.param, new_node, work.notices


class _NetUpgrade:
    """One net on its way. Without text every node stands for the file as a whole."""

    def __init__(self, param: pb.NetParameter, node: Node | None, file: str | None) -> None:
        self.param = pb.NetParameter()
        self.param.CopyFrom(param)
        self.has_text = node is not None
        self.has_place = self.has_text or file is not None
        self.node = node if node is not None else Node(SourceText("", file or ""), -1)
        self.notices: list[Finding] = []

    def nodes(self, name: str, count: int) -> list[Node]:
        """The nodes of a repeated field, one for each of its ``count`` values."""
        return self.node.children.get(name, []) if self.has_text else [self.node] * count

    def tell(self, code: str, message: str, node: Node, severity: str = "note") -> None:
        """Note what was done, or what cannot be done."""
        place = node.best_place if self.has_place else None
        self.notices.append(Finding(code, message, severity=severity, place=place))

    def upgrade_layers(self) -> None:
        """``layers`` (V0, V1) become ``layer``."""
        layers = list(zip(self.param.layers, self.nodes("layers", len(self.param.layers)), strict=True))
        first = layers[0][1]
        if self.param.layer:
            self.tell("NC057", "the net has both layer { } and layers { }; use only one", first, "error")
            return
        total = len(layers)
        if any(message.HasField("layer") for message, _ in layers):
            layers, findings = upgrade_v0.merge_padding(layers)
            merged = total - len(layers)
            layers = [self._from_v0(message, node, findings) for message, node in layers]
            padding = f", {_count(merged, 'padding layer')} merged into the next" if merged else ""
            self.tell("NC050", f"upgraded from V0: {_count(total, 'layer')}{padding}", first)
            self.notices += findings
        else:
            self.tell("NC051", f"upgraded from V1: {_count(total, 'layer')}", first)
        nodes = []
        for message, node in layers:
            moved = upgrade_v1.move_transform_fields(message, node)
            if moved is not None:
                self.tell("NC052", "upgraded: transform fields moved to transform_param", node)
            modern, modern_node = upgrade_v1.upgrade_layer(message, moved or node)
            self.param.layer.append(modern)
            nodes.append(modern_node)
        self.param.ClearField("layers")
        self.node = self.node.with_children("layers", ()).with_children("layer", nodes)

    def _from_v0(self, message: pb.V1LayerParameter, node: Node, findings: list[Finding]) -> upgrade_v0.OldLayer:
        if not message.HasField("layer"):
            return message, node
        new, new_node, misfits = upgrade_v0.upgrade_layer(message, node)
        findings += misfits
        return new, new_node

    def upgrade_inputs(self) -> None:
        """``input`` with ``input_shape`` or ``input_dim`` becomes a first layer of type Input."""
        param = self.param
        if not (param.input or param.input_shape or param.input_dim):
            return
        inputs = self.nodes("input", len(param.input))
        first = inputs[0] if inputs else self.node
        if param.input_shape or param.input_dim:
            if not self._shapes_fit(first):
                return
            layer = pb.LayerParameter(name="input", type="Input", top=param.input)
            layer_node = first.twin().with_children("top", inputs)
            layer_node.add("input_param", self._input_shapes(layer.input_param, first))
            layers = [layer, *param.layer]
            nodes = [layer_node, *self.nodes("layer", len(param.layer))]
            param.ClearField("layer")
            param.layer.extend(layers)
            self.node = self.node.with_children("layer", nodes)
            self.tell("NC053", f"upgraded: {_count(len(inputs), 'input field')} became a layer of type Input", first)
        else:
            severity = "error" if self.has_text else "warning"
            self.tell("NC059", "the net has inputs without input_shape or input_dim", first, severity)
        for name in ("input", "input_shape", "input_dim"):
            param.ClearField(name)
            self.node = self.node.with_children(name, ())

    def _shapes_fit(self, first: Node) -> bool:
        param = self.param
        if param.input_shape:
            given, name = len(param.input_shape), "input_shape"
            fits = given == len(param.input)
        else:
            given, name = len(param.input_dim), "input_dim"
            fits = given == 4 * len(param.input)
        if not fits:
            wanted = len(param.input) if name == "input_shape" else 4 * len(param.input)
            text = f"{_count(len(param.input), 'input')} but {given} values of {name}, expected {wanted}"
            self.tell("NC059", text, first, "error")
        return fits

    def _input_shapes(self, target: pb.InputParameter, first: Node) -> Node:
        """Fill in the shapes of the Input layer; returns the node of its input_param."""
        param = self.param
        if param.input_shape:
            target.shape.extend(param.input_shape)
            shapes = self.nodes("input_shape", len(param.input_shape))
            return shapes[0].twin().with_children("shape", shapes)
        dims = self.nodes("input_dim", len(param.input_dim))
        shape_nodes = []
        for i in range(0, len(param.input_dim), 4):
            target.shape.add().dim.extend(param.input_dim[i : i + 4])
            shape_nodes.append(dims[i].twin().with_children("dim", dims[i : i + 4]))
        return dims[0].twin().with_children("shape", shape_nodes)

    def upgrade_batch_norms(self) -> None:
        """The three params of old BatchNorm layers: its blobs are statistics, never learned or decayed."""
        changed = []
        nodes = self.nodes("layer", len(self.param.layer))
        for layer, node in zip(self.param.layer, nodes, strict=True):
            if _has_old_params(layer):
                changed.append(node)
                for spec in layer.param:
                    spec.lr_mult = 0
                    spec.decay_mult = 0
        if changed:
            text = f"upgraded: {_count(len(changed), 'BatchNorm layer')} got lr_mult 0 and decay_mult 0"
            self.tell("NC054", text, changed[0])


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _has_old_params(layer: pb.LayerParameter) -> bool:
    if layer.type != "BatchNorm" or len(layer.param) != 3:
        return False
    return any(spec.lr_mult != 0 or spec.decay_mult != 0 for spec in layer.param)


def _ignored_transform_fields(param: pb.NetParameter, node: Node | None) -> list[Finding]:
    """Warn of transform fields in the data parameters of today's layers, where Caffe ignores them."""
    findings = []
    for i, layer in enumerate(param.layer):
        home = _MODERN_DATA_PARAMS.get(layer.type)
        if home is None:
            continue
        for name in upgrade_v1.TRANSFORM_FIELDS:
            if getattr(layer, home).HasField(name):
                findings.append(
                    Finding(
                        "NC058",
                        f"'{name}' in {home} is ignored, as in Caffe",
                        severity="warning",
                        place=node.find("layer", i, home, name).place if node is not None else None,
                        layer=layer.name,
                        layer_type=layer.type,
                        hint=f"write transform_param {{ {name}: ... }}",
                    )
                )
    return findings


def upgrade_solver(
    param: pb.SolverParameter, node: Node | None, file: str | None
) -> tuple[pb.SolverParameter, Node | None, list[Finding]]:
    """A solver in today's form, the nets inside it too. Arguments, result and errors as for ``upgrade_net``.

    Raises:
        ConfigError: also NC062, both ``type`` and ``solver_type``.
    """
    new = pb.SolverParameter()
    new.CopyFrom(param)
    notices = []
    if param.HasField("solver_type"):
        place = node.find("solver_type").best_place if node is not None else Place(file) if file else None
        if param.HasField("type"):
            raise ConfigError.of("NC062", "both type and solver_type are given", place=place, hint="keep type")
        new.type = _SOLVER_TYPES[pb.SolverParameter.SolverType.Name(param.solver_type)]
        new.ClearField("solver_type")
        notices.append(Finding("NC055", f'upgraded: solver_type became type: "{new.type}"', "note", place))
        if node is not None:
            node = node.with_children("type", node.children["solver_type"]).with_children("solver_type", ())
    for name in ("net_param", "train_net_param"):
        if new.HasField(name):
            net = getattr(new, name)
            inner = None if node is None else node.find(name)
            modern, modern_node, more = upgrade_net(net, inner, file)
            net.CopyFrom(modern)
            notices += more
            if node is not None and modern_node is not None:
                node = node.with_children(name, [modern_node])
    test_nodes = [] if node is None else list(node.children.get("test_net_param", ()))
    for i, net in enumerate(new.test_net_param):
        modern, modern_node, more = upgrade_net(net, test_nodes[i] if test_nodes else None, file)
        net.CopyFrom(modern)
        notices += more
        if modern_node is not None:
            test_nodes[i] = modern_node
    if node is not None:
        node = node.with_children("test_net_param", test_nodes)
    return new, node, notices

"""A layer in a few words: its type and the sizes that one wants to see in a drawing."""

from __future__ import annotations

from netcli.schema import caffe_pb2 as pb


def layer_text(layer: pb.LayerParameter) -> str:
    """``Convolution 64, 3x3, stride 2, pad 1``; ``MAX pooling 2x2, stride 2``; for most types the type alone."""
    match layer.type:
        case "Convolution" | "Deconvolution":
            sizes = _windows(layer.convolution_param, layer.convolution_param.group)
            return f"{layer.type} {layer.convolution_param.num_output}, {sizes}"
        case "Pooling":
            kind = pb.PoolingParameter.PoolMethod.Name(layer.pooling_param.pool)
            if layer.pooling_param.global_pooling:
                return f"{kind} pooling, global"
            return f"{kind} pooling {_windows(layer.pooling_param)}"
        case "InnerProduct":
            return f"InnerProduct {layer.inner_product_param.num_output}"
        case "MarginInnerProduct":
            return f"MarginInnerProduct {layer.margin_inner_product_param.num_output}"
        case "Eltwise":
            return f"Eltwise {pb.EltwiseParameter.EltwiseOp.Name(layer.eltwise_param.operation)}"
        case "Dropout":
            return f"Dropout {layer.dropout_param.dropout_ratio:g}"
        case "LRN":
            return f"LRN {layer.lrn_param.local_size}"
        case kind:
            return kind


def _windows(param: pb.ConvolutionParameter | pb.PoolingParameter, group: int = 1) -> str:
    """``3x3, stride 2, pad 1``; what has no effect is left out."""
    parts = [_size(param, "kernel_size", "kernel", 1)]
    parts[0] = parts[0] if "x" in parts[0] else f"{parts[0]}x{parts[0]}"
    stride, pad = _size(param, "stride", "stride", 1), _size(param, "pad", "pad", 0)
    parts += [f"stride {stride}"] if stride != "1" else []
    parts += [f"pad {pad}"] if pad != "0" else []
    parts += [f"{group} groups"] if group > 1 else []
    return ", ".join(parts)


def _size(param: pb.ConvolutionParameter | pb.PoolingParameter, name: str, side: str, default: int) -> str:
    """One number where the axes agree, else all of them."""
    if param.HasField(f"{side}_h") or param.HasField(f"{side}_w"):
        sizes = [getattr(param, f"{side}_h"), getattr(param, f"{side}_w")]
    else:
        given = getattr(param, name)
        sizes = [given] if isinstance(given, int) else list(given) or [default]
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(map(str, sizes))

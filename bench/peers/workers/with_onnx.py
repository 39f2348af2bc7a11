# SPDX-License-Identifier: MIT
"""ONNX Runtime: Gemm and Relu nodes and a Softmax, with the runtime's own optimizations of graphs."""


def make_graph(work):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    nodes, weights, value = [], [], "rows"
    for at, (kernel, bias) in enumerate(work.start()):
        weights += [numpy_helper.from_array(kernel, f"w{at}"), numpy_helper.from_array(bias, f"b{at}")]
        nodes.append(helper.make_node("Gemm", [value, f"w{at}", f"b{at}"], [f"z{at}"]))
        last = at + 3 > len(work.net)
        value = "probabilities" if last else f"a{at}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"z{at}"], [value], **({"axis": 1} if last else {})))
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
              for name, width in (("rows", work.net[0]), ("probabilities", work.net[-1]))]
    model = helper.make_model(helper.make_graph(nodes, "network", shapes[:1], shapes[1:], weights),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def run_onnx(work, driver):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = work.threads, 1
    session = onnxruntime.InferenceSession(make_graph(work), options, providers=["CPUExecutionProvider"])
    driver.infer("ONNX Runtime", f"onnxruntime {onnxruntime.__version__}", work, lambda x: session.run(None, {"rows": x})[0])

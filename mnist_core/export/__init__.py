"""What goes with its users: a run as a folder for other programs, as ONNX, on the Hub.

load         what the folder is read by, by itself: torch, safetensors and Pillow alone
figures      what is measured for its model card
card         the model card
package      the folder's files, in a folder or a zip
onnx_file    the network as ONNX
"""

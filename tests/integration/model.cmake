# Readers of model files: agreement with the packages of each format, hostile files, large ones.
find_program(MODEL_PYTHON python3 REQUIRED)
foreach(part agree hostile large onnx)
  ifm_add_script(NAME model_${part} LABEL integration TIMEOUT 300
    COMMAND ${MODEL_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/model_${part}_test.py)
endforeach()

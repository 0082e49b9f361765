"""What a customer of fal has written, and does not change: run with FAL_RUN_HOST and FAL_QUEUE_RUN_HOST set."""

import sys

import fal_client

MODEL = "fal-ai/kling-video/ai-avatar/v2/standard"
arguments = {"image_url": sys.argv[1], "audio_url": sys.argv[2]}

print(fal_client.subscribe(MODEL, arguments=arguments, with_logs=True)["duration"])
print(fal_client.run(MODEL, arguments=arguments)["duration"])
try:
    fal_client.submit("fal-ai/flux/dev", arguments={"prompt": "a cat"})
except fal_client.FalClientHTTPError as error:
    print(error.status_code)

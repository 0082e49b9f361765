"""Run by ``clients.run_with_older_runware``: one render with ``runware`` 0.5.24. Prints JSON.

Arguments: address, key, portrait, voice, webhook ("" for none), fault words (what is expected to go wrong).
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from runware import IVideoInference, Runware, RunwareAPIError

STANDARD = "klingai:avatar@2.0-standard"


async def main(address: str, key: str, portrait: str, voice: str, webhook: str) -> dict[str, Any]:
    runware = Runware(api_key=key, url=address)
    await runware.connect()
    try:
        stored = await runware.uploadMedia(portrait)
        order = IVideoInference(
            model=STANDARD,
            positivePrompt="Speaks warmly to camera",
            inputs={"image": stored.mediaUUID, "audio": voice},
            includeCost=True,
            outputFormat="MP4",
            numberResults=1,
            webhookURL=webhook or None,
        )
        taken = await runware.videoInference(requestVideo=order)
        videos = await runware.getResponse(taskUUID=taken.taskUUID)
        details = await runware.getTaskDetails(taken.taskUUID)
        return {
            "taskUUID": taken.taskUUID,
            "videos": [{"url": video.videoURL, "cost": video.cost, "status": video.status} for video in videos],
            "model": details.request[0].model,
        }
    except RunwareAPIError as error:
        return {"error": error.code, "message": str(error)}
    except Exception as error:  # noqa: BLE001 -- it raises the bare class when its time is over
        return {"error": type(error).__name__, "message": str(error)}
    finally:
        await runware.disconnect()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:6]))))

// A Lambda function that reads digits: POST /predict, as digits/endpoint.js describes it, by way of an HTTP API or a function URL.
import { respond } from "../../digits/endpoint.js";
import { logitsOf } from "./model.js";

/** Takes an event of payload format 2.0; whatever it holds, the answer is one of that format. */
export async function handler(event) {
  const { requestContext, rawPath, headers, body, isBase64Encoded } = event ?? {};
  const bytes = Buffer.from(String(body ?? ""), isBase64Encoded ? "base64" : "utf8");
  const answer = await respond(
    {
      method: requestContext?.http?.method,
      path: rawPath,
      // Names of headers come in small letters.
      type: headers?.["content-type"],
      length: bytes.length,
      read: () => bytes,
    },
    logitsOf,
  );
  return {
    statusCode: answer.status,
    headers: { "content-type": answer.type },
    body: answer.body,
    isBase64Encoded: false,
  };
}

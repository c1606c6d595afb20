"""Why a job failed, in plain words, and what to do about it, in English and Russian.

The one place for these words: the API and the pages both take them from here. The key is a job's
``failure_reason`` (an error code, or one of two reasons of the job's own) or, more exactly where
there is one, the provider's own reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.core.errors import ErrorCode
from appliance.jobs.models import INTERRUPTED_REASON, TIMEOUT_REASON
from appliance.staff.jobs.provider_advice import AT_THE_KEYS, PROVIDER_TEXTS, TOO_LATE, UNREACHABLE, Texts

Language = Literal["en", "ru"]
Place = Literal["provider_keys"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened, and what to do, which may be empty; ``place`` is where, in the settings."""

    what: str
    do: str
    place: Place | None = None


_UPLOAD: Texts = (
    "The upload could not be read.",
    "Check the network between booth and appliance and send the photo again.",
    "Загрузку не удалось прочитать.",
    "Проверьте сеть между фотобудкой и устройством и отправьте фото ещё раз.",
)
_LOGIN: Texts = (
    "You are not logged in, or the session has ended.",
    "Log in again.",
    "Вы не вошли, или сеанс закончился.",
    "Войдите ещё раз.",
)
_NOTHING_THERE: Texts = (
    "There is nothing at this address.",
    "Check the address.",
    "По этому адресу ничего нет.",
    "Проверьте адрес.",
)
_BUSY_CLIENT: Texts = (
    "Too many requests at once.",
    "Wait a moment.",
    "Слишком много запросов сразу.",
    "Немного подождите.",
)
_REFUSED: Texts = (
    "The provider's rules refused this photo or prompt.",
    "Take another photo, or word the slot's prompt more carefully.",
    "Правила провайдера не пропустили это фото или запрос.",
    "Сделайте другое фото или сформулируйте запрос слота осторожнее.",
)
_NO_IMAGE: Texts = (
    "The provider answered without a picture.",
    "Send the photo again. If it happens often, change the prompt or the model.",
    "Провайдер ответил, но без картинки.",
    "Отправьте фото ещё раз. Если это повторяется, измените запрос или модель.",
)
_PICTURE: Texts = (
    "The file is no picture that can be used.",
    "Set the booth to send JPEG, PNG or WebP of a smaller size.",
    "Файл не является подходящей картинкой.",
    "Настройте фотобудку на отправку JPEG, PNG или WebP меньшего размера.",
)

_DAMAGED: Texts = (
    "The photo is damaged or was cut off on the way.",
    "Take it again. If it happens often, check the cable, the card and the network.",
    "Фото повреждено или дошло не полностью.",
    "Сделайте его ещё раз. Если часто, проверьте кабель, карту памяти и сеть.",
)

_TEXTS: dict[str, Texts] = {
    TIMEOUT_REASON: TOO_LATE,
    INTERRUPTED_REASON: (
        "The appliance was restarted while it worked on this photo.",
        "Send the photo again.",
        "Во время обработки этого фото устройство перезапустилось.",
        "Отправьте фото ещё раз.",
    ),
    ErrorCode.DEADLINE_EXCEEDED: TOO_LATE,
    ErrorCode.SLOT_BUSY: (
        "Too many photos were on their way at the same time.",
        "Send the photo again. If it happens often, raise the permits or spread the booths over more slots.",
        "Одновременно обрабатывалось слишком много фото.",
        "Отправьте фото ещё раз. Если часто, разрешите больше фото сразу или используйте больше слотов.",
    ),
    ErrorCode.PROVIDER_FAILED: (
        "The provider could not make a picture with the slot's settings.",
        "Look at the attempts below, then check the slot's settings and the provider's key.",
        "Провайдер не смог сделать картинку с настройками слота.",
        "Посмотрите попытки ниже, затем проверьте настройки слота и ключ провайдера.",
    ),
    ErrorCode.PROVIDER_REFUSED: _REFUSED,
    ErrorCode.PROVIDER_NO_IMAGE: _NO_IMAGE,
    ErrorCode.PROVIDER_UNAVAILABLE: UNREACHABLE,
    ErrorCode.STORAGE_FULL: (
        "The disk is full.",
        "Free some space, or let results expire sooner.",
        "Диск заполнен.",
        "Освободите место или сократите срок хранения снимков.",
    ),
    ErrorCode.DATABASE_UNAVAILABLE: (
        "The database did not answer.",
        "Wait a few seconds. If it lasts, restart the appliance.",
        "База данных не ответила.",
        "Подождите несколько секунд. Если не проходит, перезапустите устройство.",
    ),
    ErrorCode.SERVICE_UNAVAILABLE: (
        "The appliance was starting or being upgraded.",
        "Send the photo again.",
        "Устройство запускалось или обновлялось.",
        "Отправьте фото ещё раз.",
    ),
    ErrorCode.INTERNAL_ERROR: (
        "Something went wrong inside the appliance.",
        "Send the photo again. If it happens again, look up this job's id in the log.",
        "Внутренняя ошибка устройства.",
        "Отправьте фото ещё раз. Если повторится, найдите номер этого задания в журнале.",
    ),
    ErrorCode.INVALID_REQUEST: _UPLOAD,
    ErrorCode.INVALID_MULTIPART: _UPLOAD,
    ErrorCode.MISSING_FIELD: _UPLOAD,
    ErrorCode.PAYLOAD_TOO_LARGE: _PICTURE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: _PICTURE,
    ErrorCode.NOT_AN_IMAGE: _PICTURE,
    ErrorCode.DAMAGED: _DAMAGED,
    ErrorCode.IMAGE_TOO_MANY_PIXELS: _PICTURE,
    ErrorCode.INVALID_INGEST_PASSWORD: (
        "The booth sent a wrong ingest password.",
        "Type the current one into the booth software.",
        "Фотобудка прислала неверный пароль.",
        "Введите текущий пароль в программе фотобудки.",
    ),
    ErrorCode.NOT_AUTHENTICATED: _LOGIN,
    ErrorCode.TOKEN_EXPIRED: _LOGIN,
    ErrorCode.INVALID_CREDENTIALS: (
        "User name or password is wrong.",
        "Type them again.",
        "Неверное имя или пароль.",
        "Введите их ещё раз.",
    ),
    ErrorCode.PERMISSION_DENIED: (
        "Your account may not do that.",
        "Ask an administrator.",
        "Вашей учётной записи это не разрешено.",
        "Обратитесь к администратору.",
    ),
    ErrorCode.CSRF_FAILED: (
        "The page was open for too long.",
        "Reload it and try again.",
        "Страница была открыта слишком долго.",
        "Обновите её и повторите.",
    ),
    ErrorCode.NOT_FOUND: _NOTHING_THERE,
    ErrorCode.SLOT_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.JOB_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.RESULT_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.TEMPLATE_MEDIA_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.METHOD_NOT_ALLOWED: _NOTHING_THERE,
    ErrorCode.SLOT_DISABLED: (
        "The slot is paused.",
        "Resume it, or use another slot.",
        "Слот приостановлен.",
        "Включите его или используйте другой слот.",
    ),
    ErrorCode.SOURCE_NOT_KEPT: (
        "The guest's photo was not kept.",
        "Turn on keeping photos in the settings, for a few hours.",
        "Исходное фото не сохранено.",
        "Включите в настройках хранение исходных фото на несколько часов.",
    ),
    ErrorCode.RESULT_EXPIRED: (
        "The picture was kept for its time and is gone.",
        "Keep results longer next time.",
        "Срок хранения снимка истёк.",
        "В следующий раз увеличьте срок хранения.",
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        "The booth used one key for two photos.",
        "Set the booth to send a new key with each photo.",
        "Фотобудка использовала один ключ для двух фото.",
        "Настройте фотобудку на новый ключ для каждого фото.",
    ),
    ErrorCode.VERSION_CONFLICT: (
        "Somebody else changed this in the meantime.",
        "Look at the newest state and try again.",
        "За это время данные изменил кто-то другой.",
        "Посмотрите новое состояние и повторите.",
    ),
    ErrorCode.TEMPLATE_MEDIA_IN_USE: (
        "Slots use this template.",
        "Choose another one in them first.",
        "Этот шаблон используется в слотах.",
        "Сначала выберите в них другой.",
    ),
    ErrorCode.EVENT_NOT_EXPORTED: (
        "Some pictures are in no archive yet.",
        "Export the event first.",
        "Некоторых снимков ещё нет ни в одном архиве.",
        "Сначала выгрузите событие.",
    ),
    ErrorCode.VALIDATION_FAILED: (
        "Some values are not right.",
        "Correct what is marked.",
        "Некоторые значения неверны.",
        "Исправьте отмеченное.",
    ),
    ErrorCode.RATE_LIMITED: _BUSY_CLIENT,
    ErrorCode.TOO_MANY_LOGINS: _BUSY_CLIENT,
}


def advice(reason: str | None, provider_reason: str | None, language: Language) -> Advice | None:
    """What to tell of a failure; ``None`` for a job that did not fail."""
    if reason is None:
        return None
    texts = PROVIDER_TEXTS.get(provider_reason or "") or _TEXTS.get(reason)
    texts = texts or _TEXTS[ErrorCode.INTERNAL_ERROR]
    what, do = texts[:2] if language == "en" else texts[2:]
    return Advice(what, do, "provider_keys" if provider_reason in AT_THE_KEYS else None)


def known_reasons() -> set[str]:
    """Every reason that has words of its own."""
    return {str(reason) for reason in _TEXTS}
